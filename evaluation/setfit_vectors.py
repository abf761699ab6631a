"""Sentence vectors of all-MiniLM-L6-v2 after SetFit has tuned it on pairs of labelled texts (Tunstall et al. 2022).

Two comments are alike if they share a label. Needs the rivals extra (setfit), whose own trainer does the work.
"""

import random
import tempfile
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.base_encoder import base_encoder_path
from evaluation.scores import Flags

STEPS, PAIRS = 100, 32  # seven minutes on two cores
MAX_TOKENS = 128  # a pair costs two passes and their gradients
MOST = 8_000
"""Comments that pairs are made of: its trainer lists every pair there is, 15 GB of them for 42,000 comments."""


def setfit_vectors(
    train: Sequence[str], labels: Flags, texts: Sequence[str], *, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors of the training texts and of the others, shape (texts, 384), after tuning on the former.

    `labels` has shape (train, labels). Of more than `MOST` texts, as many drawn at random make the pairs; the steps use
    3,200 pairs in either case. Raises `ArtifactError` if the encoder is not there.
    """
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    model = SetFitModel.from_pretrained(str(base_encoder_path()), multi_target_strategy="one-vs-rest")
    model.model_body.max_seq_length = MAX_TOKENS
    drawn = sorted(random.Random(seed).sample(range(len(train)), min(MOST, len(train))))
    data = Dataset.from_dict({"text": [train[i] for i in drawn], "label": labels[drawn].astype(int).tolist()})
    every = len(drawn) * (len(drawn) - 1) // 2
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Its data loader asks for pinned memory, for a GPU that need not be there.
        warnings.filterwarnings("ignore", message="'pin_memory' argument")
        arguments = TrainingArguments(
            output_dir=folder,
            batch_size=PAIRS,
            max_steps=min(STEPS, 1 + every // PAIRS),
            seed=seed,
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
        )
        trainer = Trainer(model=model, args=arguments, train_dataset=data)
        # The head is fitted outside, like that of the other baselines: only the encoder is tuned here.
        trainer.train_embeddings(data["text"], data["label"], args=arguments)
    known, unknown = (
        np.asarray(model.model_body.encode(list(part), show_progress_bar=False), dtype=np.float32)
        for part in (train, texts)
    )
    return known, unknown
