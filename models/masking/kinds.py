"""The kinds of personal data that can be masked, and how a person names them.

parse("email,phone")  →  ("email", "phone")
parse("all")          →  KINDS
"""

from typing import Literal, get_args

from models.errors import InputError

Kind = Literal["email", "phone", "card", "address", "name", "account"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def parse(value: str) -> tuple[Kind, ...]:
    """The kinds of a comma-separated list, each once, in the order of `KINDS`; "all" is all, "" is none.

    Raises `InputError` ("invalid_setting") naming the word that is no kind.
    """
    words = {word.strip().lower() for word in value.split(",")} - {""}
    if words == {"all"}:
        return KINDS
    if unknown := sorted(words - set(KINDS)):
        raise InputError(
            f"{unknown[0]!r} is none of {', '.join(KINDS)}, nor all of them: all", code="invalid_setting"
        )
    return tuple(kind for kind in KINDS if kind in words)
