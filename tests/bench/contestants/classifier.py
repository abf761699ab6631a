"""A folder with all-MiniLM-L6-v2 as a classifier of twenty labels, for the rivals that take such a folder.

    python -m tests.bench.contestants.classifier build/bench/classifier

Its head is random: it is there to be timed. The tokenizer's files are those of the encoder, untouched.
"""

import shutil
import sys
from pathlib import Path

from evaluation.base_encoder import base_encoder_path

LABELS = 20
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def main() -> None:
    """See the module."""
    from transformers import AutoModelForSequenceClassification

    folder, base = Path(sys.argv[1]), base_encoder_path()
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=LABELS, problem_type="multi_label_classification"
    )
    model.save_pretrained(folder)
    for name in _TOKENIZER:
        shutil.copy(base / name, folder)


if __name__ == "__main__":
    main()
