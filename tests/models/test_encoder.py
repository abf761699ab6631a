"""Windows, batches and the three runtimes, on a real artifact of toy size."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

import models
from models import Comment
from models.artifact import open_artifact
from models.encoder import Windows
from models.errors import ArtifactError
from models.loading import Runtime
from models.pipeline import read
from models.runtime_onnx import OnnxRuntime
from models.runtime_openvino import OpenVinoRuntime
from models.scorer import Reading

LONG = " ".join(f"Sentence number {i} says that the agent was kind." for i in range(30))


@pytest.fixture(scope="module")
def windows(tiny_artifact: Path) -> Windows:
    artifact = open_artifact(tiny_artifact)
    return Windows(Tokenizer.from_file(str(tiny_artifact / "tokenizer.json")), artifact.config)


@pytest.fixture(scope="module")
def served(tiny_artifact: Path) -> models.Pipeline:
    return models.load(tiny_artifact)


def readings(*texts: str, question: str = "") -> list[Reading]:
    return [read(Comment(text, question=question)) for text in texts]


def test_a_window_holds_question_and_clauses(windows: Windows) -> None:
    ((window,),) = windows.cut(readings("Agent was kind but rather rude", question="Why?"))
    assert window.segments == [0] * 4 + [1] * (len(window.ids) - 4)
    assert [end - start for start, end in window.spans] == [3, 3]
    assert window.spans[-1][1] == len(window.ids) - 1


def test_no_window_is_longer_than_the_encoder_reads(windows: Windows) -> None:
    for question in ("", "What could we improve about the service that you had today, please? " * 9):
        for of_reading in windows.cut(readings(LONG, "x" * 5_000, "one", question=question)):
            assert all(len(window.ids) <= 48 for window in of_reading)


def test_clauses_without_a_token_take_room(windows: Windows) -> None:
    # Letters of a script that the tokenizer's normalizer drops: marks without a letter to stand on.
    for of_reading in windows.cut(readings("\u0301\n" * 200 + "The agent was kind")):
        assert all(len(window.ids) <= 48 for window in of_reading)


@pytest.mark.parametrize("sign", ["-", ".", "!"])
def test_signs_before_a_clause_do_not_push_out_its_words(windows: Windows, sign: str) -> None:
    question = "What could we improve about the service that you had today?"
    words = "The delivery was late and nobody answered"
    alone, after = windows.cut(readings(words, f"{sign * 260} {words}", question=question))
    assert after[-1] == alone[-1]


def test_what_lies_between_clauses_is_read_where_there_is_room(windows: Windows) -> None:
    ((window,),) = windows.cut(readings("Agent was kind ----- but rather rude"))
    assert [end - start for start, end in window.spans] == [3, 8]


def test_a_long_text_is_read_in_windows_and_its_end_is_told(
    served: models.Pipeline, tiny_artifact: Path
) -> None:
    short, long = readings("The agent was kind.", LONG)
    scores = served.scorer.score([short, long])
    assert len(scores[0]) == len(short.spans)
    assert 4 <= len(scores[1]) < len(long.spans)
    analyses = served.analyze([Comment("The agent was kind."), Comment(LONG)])
    assert [analysis.truncated for analysis in analyses] == [False, True]


@pytest.mark.parametrize(("runtime", "apart"), [("openvino", 1e-4), ("onnx", 1e-4), ("torch", 1e-5)])
def test_a_comment_scores_the_same_alone_and_in_a_batch(
    tiny_artifact: Path, runtime: Runtime, apart: float
) -> None:
    texts = ["The agent was kind", LONG, "Slow, rude and dear", "ok then but late", "App crashed again today"]
    together = models.load(tiny_artifact, runtime=runtime).scorer.score(readings(*texts))
    scorer = models.load(tiny_artifact, runtime=runtime).scorer
    for text, scores in zip(texts, together, strict=True):
        assert scorer.score(readings(text))[0] == pytest.approx(scores, abs=apart)


def test_the_runtimes_read_alike(tiny_artifact: Path) -> None:
    texts = readings("The agent was kind but nobody fixed my bill", LONG, "Why so slow?", question="Why?")
    names: tuple[Runtime, ...] = ("openvino", "onnx", "torch")
    openvino, onnx, torch = (models.load(tiny_artifact, runtime=name).scorer.score(texts) for name in names)
    for first, second, third in zip(openvino, onnx, torch, strict=True):
        assert first == pytest.approx(second, abs=0.01)  # the same int8 file
        assert first == pytest.approx(third, abs=0.05)  # int8 activations against float32


def test_openvino_answers_several_threads_at_once(served: models.Pipeline, tiny_artifact: Path) -> None:
    texts = [f"Comment number {number}: the agent was late. " * (number % 5 + 1) for number in range(40)]
    alone = [served.scorer.score(readings(text))[0] for text in texts]
    fresh = models.load(tiny_artifact).scorer
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: fresh.score(readings(text))[0], texts))
    for ours, theirs in zip(together, alone, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_a_serving_file_that_is_none_is_refused(tmp_path: Path, runtime: str) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a network")
    opens = {"openvino": OpenVinoRuntime, "onnx": OnnxRuntime}[runtime]
    with pytest.raises(ArtifactError, match="cannot be opened"):
        opens(tmp_path / "model.onnx")


def test_the_question_matters(served: models.Pipeline) -> None:
    alone, asked = (
        served.scorer.score(readings("Nothing at all", question=question))[0] for question in ("", "Why?")
    )
    assert np.abs(alone - asked).max() > 1e-3


def test_no_readings_give_no_scores(served: models.Pipeline) -> None:
    assert served.scorer.score([]) == []


def test_signs_the_tokenizer_drops_still_have_scores(served: models.Pipeline) -> None:
    analysis = served.analyze([Comment("\u200d\u200d a; \u0301\u0301 b 1")])[0]
    assert analysis.status == "analyzed"
