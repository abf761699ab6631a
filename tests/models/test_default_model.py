"""The shipped model: small, whole, without torch, and right where nobody would be wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

import models
from models import Comment, taxonomy
from models.artifact import open_artifact
from models.loading import DEFAULT

ROOT = Path(models.__file__).parents[1]


@pytest.fixture(scope="module")
def default() -> models.Pipeline:
    return models.load()


def test_it_is_whole_and_small() -> None:
    artifact = open_artifact(DEFAULT)
    assert (DEFAULT / "model.onnx").stat().st_size <= 30_000_000
    card = artifact.json("card.json")
    assert card["version"] == artifact.version
    assert artifact.version in (DEFAULT / "card.md").read_text(encoding="utf-8")
    assert taxonomy.from_dict(artifact.json("taxonomy.json")) == taxonomy.load()


def test_it_was_trained_on_nothing_it_is_measured_on() -> None:
    card = open_artifact(DEFAULT).json("card.json")
    assert "dev.jsonl" not in {file["file"] for file in card["data"]}
    assert card["exam"]["n"] > 0


def test_it_serves_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import models; print(models.load().analyze([models.Comment('The agent was kind.')])[0].status)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "analyzed"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The app crashes every time I open it.", "poor_user_experience"),
        ("They never answer my emails.", "poor_communication"),
        ("The man at the desk was rude and shouted at me.", "lack_of_empathy"),
        ("The nurse was so kind and caring.", "caring_treatment"),
        ("The parcel arrived broken and three weeks late.", "unmet_expectations"),
        ("The food was delicious.", "met_expectations"),
        ("The website is very easy to use.", "easy_to_use"),
        ("I waited on hold for an hour and nobody helped me.", "inadequate_support"),
    ],
)
def test_what_nobody_would_miss(default: models.Pipeline, text: str, label: str) -> None:
    analysis = default.analyze([Comment(text)])[0]
    assert label in {mention.id for mention in (*analysis.issues, *analysis.strengths)}


def test_both_runtimes_give_the_same_labels(default: models.Pipeline) -> None:
    texts = [
        "The app crashes every time I open it, but the lady on the phone was lovely.",
        "Parcel late, no reply to my emails, and the refund is still not here.",
        "It's a shop.",
    ]
    comments = [Comment(text) for text in texts]
    torch = models.load(runtime="torch").analyze(comments)
    for ours, theirs in zip(default.analyze(comments), torch, strict=True):
        assert {m.id for m in ours.issues} == {m.id for m in theirs.issues}
        assert {m.id for m in ours.strengths} == {m.id for m in theirs.strengths}


def test_the_question_is_part_of_the_input(default: models.Pipeline) -> None:
    analysis = default.analyze([Comment("Nothing", question="What could we improve?")])[0]
    assert analysis.issues == ()
    assert analysis.sentiment is not None
    assert analysis.sentiment.label == "positive"
