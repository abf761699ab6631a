"""The OpenAPI document: what FastAPI gathers, and the schemas it cannot know of."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service.corrections.correction import CorrectionIn
from service.intake import TOUCHPOINT, CommentIn
from service.keys.doorkeeper import OPEN, needed
from service.problems import Problem, documented
from service.review.answering import AnswerIn

_REF = "#/components/schemas/{model}"
_EXAMPLE = {
    "comments": [
        {
            "id": "r-1041",
            "text": "Agent was kind but nobody ever fixed my bill.",
            "question": "What could we improve?",
            "touchpoint": "support.phone",
            "occurred_at": "2026-11-20T09:12:00Z",
            "scores": {"nps": 3, "csat": 2, "ces": 6},
        }
    ]
}


def _body(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """A JSON body that a route judges itself."""
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


COMMENTS_BODY = _body(
    {
        "type": "object",
        "required": ["comments"],
        "additionalProperties": False,
        "properties": {"comments": {"type": "array", "items": {"$ref": _REF.format(model="CommentIn")}}},
    },
    _EXAMPLE,
)
CORRECTION_BODY = _body(
    {"$ref": _REF.format(model="CorrectionIn")},
    {
        "labels": {"add": ["poor_communication"], "remove": ["inadequate_support"]},
        "sentiment": "negative",
        "actor": "anna",
        "note": "They were there, but said nothing.",
    },
)
ANSWER_BODY = _body(
    {"$ref": _REF.format(model="AnswerIn")},
    {"stream": "audit", "id": "r-1041", "present": ["caring_treatment"], "actor": "anna"},
)
_BYTES = {"schema": {"type": "string", "format": "binary"}}
JOB_OPTIONS: dict[str, dict[str, Any]] = {
    "format": {
        "pattern": "^(csv|jsonl|ndjson|parquet)([.](gz|zst))?$",
        "description": "csv, jsonl, ndjson or parquet, with or without .gz or .zst; else as the file's name says.",
    },
    "columns": {
        "contentMediaType": "application/json",
        "description": 'JSON object: which field is in which column, like {"text": "answer", "nps": "score"}.',
    },
    "touchpoint": {"pattern": TOUCHPOINT, "description": "Touchpoint of the rows that name none."},
    "ids": {
        "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        "description": "Rows without an id get this, a hyphen and their number, from 1.",
    },
    "sha256": {
        "pattern": "^[0-9a-f]{64}$",
        "description": "Of the file, hexadecimal: it is refused if it arrives otherwise.",
    },
}
JOB_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        **{name: {"type": "string", **option} for name, option in JOB_OPTIONS.items()},
                    },
                    "additionalProperties": False,
                }
            },
            "text/csv": _BYTES,
            "application/x-ndjson": _BYTES,
            "application/vnd.apache.parquet": _BYTES,
            "application/octet-stream": _BYTES,
        },
    }
}
LINES: dict[int | str, dict[str, Any]] = {
    200: {"description": "JSON lines", "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
}
TABLE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The table",
        "content": {"text/csv": {"schema": {"type": "string"}}, "application/vnd.apache.parquet": _BYTES},
    }
}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application; made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, ours = models_json_schema(
            [(one, "validation") for one in (AnswerIn, CommentIn, CorrectionIn, Problem)],
            ref_template=_REF,
        )
        schema.setdefault("components", {}).setdefault("schemas", {}).update(ours["$defs"])
        _tell_of_keys(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _tell_of_keys(schema: dict[str, Any]) -> None:
    """What the doorkeeper asks of every call, and how it refuses."""
    schema["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "A key: `lw_<id>_<secret>`."}
    }
    # Any call may be asked with a parameter that it has not.
    refusals = {str(status): answer for status, answer in documented(401, 403, 422, 429).items()}
    for path, calls in schema["paths"].items():
        if path in OPEN:
            continue
        for method, call in calls.items():
            # The empty one: while there are no keys, none is needed on this machine.
            call["security"] = [{"key": []}, {}]
            call["x-scope"] = needed(method.upper(), path)
            call["responses"] |= {
                status: one for status, one in refusals.items() if status not in call["responses"]
            }
