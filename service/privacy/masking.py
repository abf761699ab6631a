"""Where masking meets the service: the masker that the settings ask for, and a record without personal data.

Text and question are masked. The id, `customer_id` and `metadata` are the sender's own keys, by which comments are
found, joined and erased, and stay as they are.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import models
from models.masking import masker as masking
from models.masking.masker import Masker
from service.records import CommentRecord
from service.settings import Settings


def masker_of(settings: Settings) -> Masker | None:
    """None where nothing is to be masked."""
    return masking.load(settings.mask) if settings.mask else None


def mask(
    record: CommentRecord, masker: Masker | None
) -> tuple[CommentRecord, tuple[models.Mask, ...] | None]:
    """The record as it may be kept, and what was masked; None without a masker."""
    if masker is None:
        return record, None
    text, question = masker.mask(record.text), masker.mask(record.question or "")
    masked = (*_masks("text", text), *_masks("question", question))
    return replace(record, text=text.text, question=record.question and question.text), masked


def _masks(field: Literal["text", "question"], masked: masking.Masked) -> Iterator[models.Mask]:
    return (models.Mask(field, one.kind, one.start, one.end) for one in masked.hidden)
