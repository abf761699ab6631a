"""The suite of behaviour tests as data, and its reader.

The cases are our own writing, and the codebook settles their answers.

    suite = shipped(taxonomy.load())

A file holds one `capability` and its `[[tests]]`: `name`, `kind`, `about`, `expect` (of every case that says
nothing else) and `cases`. A case is a text, or a table of `text`, `question`, `changed` and expectations of its
own. In invariance and direction tests a text is followed by its changes: those `changed` gives, the other values
of `slots` ("{name} was rude"), and each of the `frames` ("{text} We came by bus.", "{upper}", "{lower}").
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.behaviour.expectations import EXPECTATIONS
from evaluation.gold import LabelledComment, Labels
from models import taxonomy as taxonomies
from models.errors import InputError
from models.taxonomy import Taxonomy

SUITE = Path(__file__).with_name("suite")
KINDS = {"mft": "Minimum functionality", "inv": "Invariance", "dir": "Direction"}
_UNLABELLED = Labels((), (), 0, False, None, None, None, "other", ())
_TEST_KEYS = {"name", "kind", "about", "question", "expect", "frames", "slots", "cases"}


@dataclass(frozen=True, slots=True)
class Case:
    """A text, then its changes if the test has any, and what is expected of the answers to them."""

    texts: tuple[str, ...]
    question: str | None
    expect: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One test: cases that ask for the same ability. `kind` is "mft", "inv" or "dir"."""

    name: str
    capability: str
    kind: str
    about: str
    cases: tuple[Case, ...]


Suite = Sequence[Behaviour]


def shipped(taxonomy: Taxonomy) -> list[Behaviour]:
    """The suite that is part of Listenwell; empty for a taxonomy without the default labels and intents, of which it
    speaks."""
    default = taxonomies.load()
    known = default.by_id.keys() <= taxonomy.by_id.keys() and set(default.intents) <= set(taxonomy.intents)
    return read(SUITE, taxonomy) if known else []


def read(folder: Path, taxonomy: Taxonomy) -> list[Behaviour]:
    """All tests of a folder, by file. Raises `InputError` with code "invalid_suite" naming file, test and case."""
    found = [test for file in sorted(folder.glob("*.toml")) for test in _read_file(file, taxonomy)]
    names = [test.name for test in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not found:
        problem = f"two tests named {twice[0]!r}" if twice else "no test in it"
        raise InputError(f"{folder.name}: {problem}", code="invalid_suite")
    return found


def comments_of(suite: Suite) -> list[LabelledComment]:
    """Every text of the suite as a comment to speak of, in order; nobody has labelled them."""
    return [
        LabelledComment(
            id=f"{test.name}/{number}/{place}",
            text=text,
            question=case.question,
            source="behaviour",
            industry="many",
            draw=test.kind,
            train=False,
            sentences=(),
            labels=_UNLABELLED,
        )
        for test in suite
        for number, case in enumerate(test.cases, start=1)
        for place, text in enumerate(case.texts)
    ]


def _read_file(file: Path, taxonomy: Taxonomy) -> list[Behaviour]:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file.name}: cannot be read: {error}", code="invalid_suite") from error
    place = _Place(file.name, taxonomy)
    place.strings(data, "capability")
    place.require(isinstance(data.get("tests"), list), "tests: must be a list of tables")
    return [_test(entry, data["capability"], place) for entry in data["tests"]]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the reader is: every complaint begins with it."""

    path: str
    taxonomy: Taxonomy

    def inside(self, name: str) -> "_Place":
        return _Place(f"{self.path}, {name}", self.taxonomy)

    def require(self, fine: bool, problem: str) -> None:
        if not fine:
            raise InputError(f"{self.path}: {problem}", code="invalid_suite")

    def strings(self, entry: Mapping[str, Any], *keys: str) -> None:
        for key in keys:
            value = entry.get(key)
            self.require(isinstance(value, str) and bool(value), f"{key}: must be a string that is not empty")

    def known(self, entry: Mapping[str, Any], allowed: set[str]) -> None:
        unknown = ", ".join(sorted(set(entry) - allowed))
        self.require(not unknown, f"unknown: {unknown}")


def _test(entry: Any, capability: str, place: _Place) -> Behaviour:
    place.require(isinstance(entry, dict), "tests: must be a list of tables")
    place.strings(entry, "name")
    place = place.inside(f"test {entry['name']!r}")
    place.strings(entry, "kind", "about")
    place.known(entry, _TEST_KEYS)
    place.require(entry["kind"] in KINDS, f"kind: must be one of {', '.join(KINDS)}")
    place.require(isinstance(entry.get("cases"), list) and bool(entry["cases"]), "cases: must be a list")
    cases = [_case(each, entry, place.inside(f"case {at}")) for at, each in enumerate(entry["cases"], 1)]
    return Behaviour(entry["name"], capability, entry["kind"], entry["about"], tuple(cases))


def _case(given: Any, test: Mapping[str, Any], place: _Place) -> Case:
    case = {"text": given} if isinstance(given, str) else given
    place.require(isinstance(case, dict), "must be a text or a table")
    place.strings(case, "text")
    words = EXPECTATIONS[test["kind"]]
    place.known(case, {"text", "question", "changed", *words})
    expect = test.get("expect", {}) | {word: case[word] for word in words if word in case}
    place.known(expect, set(words))
    place.require(bool(expect), "nothing is expected")
    for word, value in expect.items():
        place.require(words[word].fits(value, place.taxonomy), f"{word}: not a value it can have")
    question = case.get("question", test.get("question"))
    place.require(question is None or isinstance(question, str), "question: must be a string")
    texts = _texts(case, test)
    several = test["kind"] != "mft"
    place.require(
        len(texts) > 1 if several else len(texts) == 1, "must be changed in inv and dir, and only there"
    )
    for quoted in expect.get("quotes", {}).values():
        place.require(quoted in texts[0], "quotes: words that are not in the text")
    return Case(texts, question, expect)


def _texts(case: Mapping[str, Any], test: Mapping[str, Any]) -> tuple[str, ...]:
    """The text and its changes; with slots the first of their values makes the text."""
    text: str = case["text"]
    slots = {key: values for key, values in test.get("slots", {}).items() if f"{{{key}}}" in text}
    filled = [text]
    for key, values in slots.items():
        filled = [each.replace(f"{{{key}}}", value) for value in values for each in filled]
    forms = {"{text}": filled[0], "{upper}": filled[0].upper(), "{lower}": filled[0].lower()}
    framed = list(test.get("frames", ()))
    for name, form in forms.items():
        framed = [frame.replace(name, form) for frame in framed]
    return (*filled, *case.get("changed", ()), *framed)
