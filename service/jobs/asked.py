"""What the sender of a file asks for: its format, and how its rows become comments."""

import json
import re
from collections import Counter
from collections.abc import Mapping

import models
from service.columns import Columns
from service.files import FORMATS, split_format
from service.intake import TOUCHPOINT
from service.jobs.records import Options

NAMES = ("format", "columns", "touchpoint", "ids", "sha256")
_IDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TYPES = {
    "text/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/vnd.apache.parquet": "parquet",
}
_ENCODINGS = {"gzip": ".gz", "zstd": ".zst"}


def options_of(given: Mapping[str, str]) -> Options:
    """Checked. Raises `InputError`: "unknown_field", "invalid_value", naming the option."""
    unknown = sorted(set(given) - set(NAMES))
    if unknown:
        raise models.InputError(f"{_short(unknown[0])}: is not an option of a job", code="unknown_field")
    touchpoint, ids = given.get("touchpoint"), given.get("ids")
    if touchpoint is not None and not re.fullmatch(TOUCHPOINT, touchpoint):
        raise _invalid("touchpoint: must be a slug like support.phone, at most 64 characters")
    if ids is not None and not _IDS.fullmatch(ids):
        raise _invalid("ids: must be letters, digits, '.', '_' and '-', at most 100, not a sign first")
    if "sha256" in given and not _SHA256.fullmatch(given["sha256"]):
        raise _invalid("sha256: must be 64 hexadecimal digits in lower case")
    return Options(columns=_columns(given.get("columns")), touchpoint=touchpoint, ids=ids)


def ending_of(given: str | None, name: str | None, content_type: str, content_encoding: str) -> str:
    """The ending that the file is kept under, such as "csv.gz": as given, else by its name, else by its type.

    Raises `InputError` ("unknown_format").
    """
    format, packing = split_format(f"file.{given}" if given else name or "")
    if not given and format not in FORMATS:
        format, packing = _TYPES.get(content_type.partition(";")[0].strip().lower(), ""), ""
    packing = packing or _ENCODINGS.get(content_encoding.strip().lower(), "")
    if format not in FORMATS:
        raise models.InputError(
            "format: must be csv, jsonl, ndjson or parquet, each with or without .gz or .zst",
            code="unknown_format",
        )
    return ("jsonl" if format == "ndjson" else format) + packing


def _columns(text: str | None) -> dict[str, str]:
    try:
        columns = json.loads(text, object_pairs_hook=_once) if text else {}
    except (ValueError, RecursionError):
        columns = None
    if not isinstance(columns, dict) or not all(
        isinstance(value, str) and value for value in columns.values()
    ):
        raise _invalid('columns: must be a JSON object of fields and columns, like {"text": "answer"}')
    Columns(columns, "columns:")
    return columns


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object, none of whose names is there twice: JSON knows no such thing, and the last one would win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise models.InputError(f"columns: {_short(name)}: is given twice", code="duplicate_field")
    return found


def _invalid(detail: str) -> models.InputError:
    return models.InputError(detail, code="invalid_value")


def _short(name: str) -> str:
    return ascii(name)[1:-1][:80]
