"""`/docs`: the OpenAPI document as a page of our own, without a script and without a request to anywhere."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.render import render
from service.routes.given import Who

router = APIRouter(include_in_schema=False)
_PLAIN = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}


@router.get("/docs")
def docs(request: Request, who: Who) -> HTMLResponse:
    """Every call with its parameters, an example and its answers, and every object with its fields."""
    api = request.app.openapi()
    return render("docs.html", api=api, calls=list(_calls(api)), schemas=list(_schemas(api)), who=who)


def _calls(api: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in api["paths"].items():
        for method, call in methods.items():
            yield {
                "anchor": re.sub(r"\W+", "-", f"{method} {path}").strip("-"),
                "method": method.upper(),
                "path": path,
                "summary": call["summary"],
                "scope": call.get("x-scope"),
                "description": call.get("description", "").replace("\n", " "),
                "parameters": [_parameter(one) for one in call.get("parameters", ())],
                "curl": _curl(path, call),
                "answers": [(status, one["description"]) for status, one in call["responses"].items()],
            }


def _parameter(one: Mapping[str, Any]) -> dict[str, Any]:
    schema = one["schema"]
    return {
        "name": one["name"],
        "where": one["in"],
        "required": one.get("required", False),
        "type": type_of(schema).removesuffix(" or null"),
        "description": one.get("description", ""),
    }


def _curl(path: str, call: Mapping[str, Any]) -> str:
    body = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    if body is None:
        return ""
    example = json.dumps(body, indent=1)
    return f"curl -s http://127.0.0.1:3000{path} -H 'Content-Type: application/json' -d '\n{example}'"


def _schemas(api: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, schema in sorted(api["components"]["schemas"].items()):
        needed = schema.get("required", ())
        yield {
            "name": name,
            "description": schema.get("description", ""),
            "fields": [
                {
                    "name": field,
                    "required": field in needed and name.endswith("In"),
                    "type": type_of(one),
                    "description": one.get("description", ""),
                }
                for field, one in schema.get("properties", {}).items()
            ],
        }


def type_of(schema: Mapping[str, Any]) -> str:
    """A JSON Schema type in words: `text, at most 128 characters, or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(type_of(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return "object"
    if schema.get("format"):
        return str(schema["format"])
    return _PLAIN.get(str(schema.get("type")), "any") + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f" {schema['minimum']} to {schema['maximum']}"
    return f", at most {schema['maxLength']:,} characters" if "maxLength" in schema else ""
