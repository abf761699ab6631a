"""The spaCy component: by entry point, in `nlp.pipe`, to disk and back."""

import pickle
import shutil
from pathlib import Path

import pytest

import models
import models.loading
from models.artifact import LEARNT

spacy = pytest.importorskip("spacy")

BILL = "Agent was kind but nobody ever fixed my bill."


@pytest.fixture
def nlp() -> "spacy.Language":
    nlp = spacy.blank("en")
    nlp.add_pipe("listenwell", config={"model": "weightless"})
    return nlp


def test_a_document_gets_its_analysis_and_spans(nlp: "spacy.Language") -> None:
    doc = nlp(BILL)
    assert doc._.analysis.sentiment.mixed
    assert [(span.text, span.label_) for span in doc.spans["issues"]] == [
        ("nobody ever fixed my bill", "unresolved_issue")
    ]
    assert "Agent was kind" in [span.text for span in doc.spans["strengths"]]


def test_predict_leaves_documents_alone(nlp: "spacy.Language") -> None:
    doc = nlp.make_doc(BILL)
    analyses = nlp.get_pipe("listenwell").predict([doc])
    assert analyses[0].issues
    assert doc._.analysis is None
    assert "issues" not in doc.spans


def test_pipe_keeps_order_and_reads_the_question(nlp: "spacy.Language") -> None:
    docs = [nlp.make_doc(text) for text in ("Nothing", BILL, "", "Nothing")]
    docs[0]._.question = "What could we improve?"
    found = [doc._.analysis.no_content for doc in nlp.pipe(docs, batch_size=2)]
    assert found == [False, False, True, True]


def test_annotations_survive_bytes(nlp: "spacy.Language") -> None:
    doc = nlp(BILL)
    again = spacy.tokens.Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert again._.analysis == doc._.analysis


def test_to_disk_and_back(nlp: "spacy.Language", tmp_path: Path) -> None:
    nlp.to_disk(tmp_path / "saved")
    again = spacy.load(tmp_path / "saved")
    ours, theirs = nlp(BILL)._.analysis, again(BILL)._.analysis
    assert theirs.issues == ours.issues
    assert theirs.model_version == ours.model_version


def of_model(folder: Path) -> "spacy.Language":
    nlp = spacy.blank("en")
    nlp.add_pipe("listenwell", config={"model": str(folder)})
    return nlp


def test_it_is_saved_where_it_was_loaded_from(tiny_artifact: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    of_model(tiny_artifact).to_disk(saved)
    spacy.load(saved).to_disk(saved)
    assert spacy.load(saved)(BILL)._.analysis.model_version == models.load(tiny_artifact).version


def test_no_file_of_an_earlier_model_stays(
    nlp: "spacy.Language", tiny_artifact: Path, tmp_path: Path
) -> None:
    saved, artifact = tmp_path / "saved", tmp_path / "saved" / "listenwell" / "artifact"
    of_model(tiny_artifact).to_disk(saved)
    (artifact / LEARNT).write_text("0" * 12, encoding="ascii")
    of_model(tiny_artifact).to_disk(saved)
    assert not (artifact / LEARNT).exists()
    nlp.to_disk(saved)
    assert not artifact.exists()
    shutil.copytree(tiny_artifact, artifact)  # as earlier versions of us left it
    assert spacy.load(saved)(BILL)._.analysis.model_version == "weightless-1"


def test_a_model_that_is_gone_takes_no_saved_one_along(
    nlp: "spacy.Language", tiny_artifact: Path, tmp_path: Path
) -> None:
    moved, saved = tmp_path / "here", tmp_path / "saved"
    shutil.copytree(tiny_artifact, moved)
    of_model(moved).to_disk(saved)
    other = of_model(moved)
    moved.rename(tmp_path / "there")
    with pytest.raises(models.ArtifactError):
        other.to_disk(saved)
    assert spacy.load(saved)(BILL)._.analysis.model_version == models.load(tiny_artifact).version
    nlp.to_disk(saved)
    with pytest.raises(models.ArtifactError):
        other.to_disk(saved)
    assert spacy.load(saved)(BILL)._.analysis.model_version == "weightless-1"


def test_a_question_of_ones_own_stays(nlp: "spacy.Language") -> None:
    doc = spacy.tokens.Doc
    doc.set_extension("question", getter=lambda each: each.user_data.get("asked"), force=True)
    try:
        again = spacy.blank("en")
        again.add_pipe("listenwell", config={"model": "weightless"})
        asked = again.make_doc("Nothing")
        asked.user_data["asked"] = "What could we improve?"
        assert not again(asked)._.analysis.no_content
    finally:
        doc.set_extension("question", default=None, force=True)


def test_it_is_pickled_before_and_after_its_first_use() -> None:
    nlp = of_model(models.loading.DEFAULT)
    nlp(BILL)
    component = nlp.get_pipe("listenwell")
    again = pickle.loads(pickle.dumps(component))
    assert again.model == component.model
    assert "pipeline" not in vars(again)
    assert "pipeline" in vars(component)
