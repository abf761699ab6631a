"""The spaCy component: by entry point, in `nlp.pipe`, to disk and back."""

from pathlib import Path

import pytest

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
