"""The state of a comment in a header: `etag` of what is stored, `matches` what a client holds (RFC 9110, 13.1)."""

import json
import re
from hashlib import sha256

from service.answers import comment_json
from service.records import StoredComment

_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def etag(stored: StoredComment) -> str:
    """A strong tag: it changes with anything that `GET /v1/comments/{id}` would show otherwise."""
    shown = json.dumps(comment_json(stored), sort_keys=True, separators=(",", ":"))
    return f'"{sha256(shown.encode("ascii")).hexdigest()[:32]}"'


def matches(header: str, tag: str, *, weak: bool = False) -> bool:
    """Whether an `If-Match` (or, compared weakly, an `If-None-Match`) names this state, or any with "*"."""
    if header.strip() == "*":
        return True
    given = [found.group() for found in _TAG.finditer(header)]
    return tag in ([one.removeprefix("W/") for one in given] if weak else given)
