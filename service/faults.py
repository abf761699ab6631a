"""Pydantic's complaints in our words: the first fault of an item as a `CommentError` with a stable code."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

import models

_TYPES = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "bool_type": "must be a string, a number, true, false or null",
    "float_type": "must be a string, a number, true, false or null",
}
_PATTERNS = {
    "touchpoint": "must be a slug: a-z, 0-9, '.', '_' and '-', at most 64, starting with a letter or digit",
    "language": "must be a BCP 47 language tag such as en or pt-BR",
}


def fault_of(error: ValidationError, item: Mapping[str, Any], what: str = "a comment") -> models.CommentError:
    """The first fault that Pydantic found in `what`. No message holds a value that the client sent."""
    first = error.errors(include_url=False, include_context=True, include_input=False)[0]
    name = _field(first["loc"])
    kind, context = str(first["type"]), first.get("ctx", {})
    if kind == "missing":
        return _fault("missing_field", name, "is needed")
    if kind == "extra_forbidden":
        return _fault("unknown_field", name, f"is not a field of {what}")
    if kind == "string_too_long" and name == "text":
        length = len(item["text"])
        detail = f"has {length:,} characters, the limit is {models.MAX_TEXT:,}"
        return _fault("text_too_long", name, detail)
    if kind in _TYPES:
        return _fault("invalid_type", name, _TYPES[kind])
    judge = _JUDGES.get(kind)
    if judge is not None:
        code, detail = judge(name, context)
        return _fault(code, name, detail)
    return _fault(kind if kind in _OWN else "invalid_value", name, first["msg"])


_OWN = frozenset({"invalid_text", "invalid_date", "date_in_future", "invalid_type"})
_Judge = Callable[[str, Mapping[str, Any]], tuple[str, str]]
_JUDGES: dict[str, _Judge] = {
    "string_unicode": lambda _, __: ("invalid_text", "holds a lone surrogate, which is no character"),
    "greater_than_equal": lambda _, limit: ("out_of_range", f"must be {limit['ge']} or more"),
    "less_than_equal": lambda _, limit: ("out_of_range", f"must be {limit['le']} or less"),
    "string_too_long": lambda _, limit: (
        "invalid_value",
        f"must have at most {limit['max_length']:,} characters",
    ),
    "string_too_short": lambda _, __: ("invalid_value", "must not be empty"),
    "too_long": lambda _, limit: ("invalid_value", f"must have at most {limit['max_length']} entries"),
    "string_pattern_mismatch": lambda name, _: (
        "invalid_value",
        _PATTERNS.get(name, "must not be empty or contain control characters"),
    ),
}


def _fault(code: str, name: str, detail: str) -> models.CommentError:
    return models.CommentError(f"{name or 'a field name'}: {detail}", code=code, field=name)


def _field(location: tuple[int | str, ...]) -> str:
    """Where the fault is, as `scores.nps`; a client's own name in it is cut short and made plain ASCII."""
    fields = []
    for depth, part in enumerate(location[:2]):
        plain = ascii(part)[1:-1] if isinstance(part, str) else str(part)
        if depth and plain in ("str", "bool", "int", "float", "[key]"):
            continue
        fields.append(plain[:80])
    return ".".join(fields)
