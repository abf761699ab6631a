"""The shipped suite is whole and large enough, and its reader names what is wrong."""

from collections import Counter
from pathlib import Path

import pytest

from evaluation.behaviour.suite import KINDS, SUITE, Behaviour, comments_of, read, shipped
from models import InputError, taxonomy

TAXONOMY = taxonomy.load()
CAPABILITIES = (
    "negation contrast comparatives conditionals reported sarcasm questions polite spelling emoji numbers fairness "
    "order length themes: blame praise then now empathy effort loyalty intent short evidence borders direction"
).split()
HEAD = 'capability = "negation"\n[[tests]]\nname = "one"\nkind = "mft"\nabout = "x"\n'


@pytest.fixture(scope="module")
def suite() -> list[Behaviour]:
    return shipped(TAXONOMY)


def write(folder: Path, text: str, name: str = "a.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_there_are_tests_enough_of_cases_enough(suite: list[Behaviour]) -> None:
    assert len(suite) >= 44
    assert not [test.name for test in suite if len(test.cases) < 20]
    assert len({test.name for test in suite}) == len(suite)
    assert {test.kind for test in suite} == set(KINDS)


def test_every_capability_is_there(suite: list[Behaviour]) -> None:
    spoken = " ".join({test.capability for test in suite})
    assert not [word for word in CAPABILITIES if word not in spoken]


def test_every_label_has_a_test_of_its_own(suite: list[Behaviour]) -> None:
    plain = {tuple(case.expect.get("has", ())) for test in suite for case in test.cases}
    assert {(label.id,) for label in TAXONOMY.labels} <= plain


def test_no_case_is_there_twice(suite: list[Behaviour]) -> None:
    first = Counter((case.question, case.texts[0].casefold()) for test in suite for case in test.cases)
    assert not [texts for texts, times in first.items() if times > 1]


def test_the_long_texts_are_long(suite: list[Behaviour]) -> None:
    (test,) = (test for test in suite if "deep in a long text" in test.name)
    assert min(len(case.texts[0].split()) for case in test.cases) >= 60


def test_every_file_is_read(suite: list[Behaviour]) -> None:
    files = list(SUITE.glob("*.toml"))
    assert len({test.capability for test in suite}) == len(files)


def test_nobody_is_spoken_of_but_as_a_comment(suite: list[Behaviour]) -> None:
    comments = comments_of(suite)
    assert len({comment.id for comment in comments}) == len(comments)
    assert not any(comment.train or comment.labels.mentions for comment in comments)


def test_slots_and_frames_make_the_changes(tmp_path: Path) -> None:
    text = HEAD.replace("mft", "inv") + (
        'expect = { same = ["labels"] }\nslots = { who = ["Ann", "Bo"] }\nframes = ["{upper}", "{text} Hm."]\n'
        'cases = ["{who} was kind."]'
    )
    ((case,),) = (test.cases for test in read(write(tmp_path, text), TAXONOMY))
    assert case.texts == ("Ann was kind.", "Bo was kind.", "ANN WAS KIND.", "Ann was kind. Hm.")


def test_a_case_may_differ_from_its_test(tmp_path: Path) -> None:
    text = HEAD + (
        'question = "Why?"\nexpect = { sentiment = "negative" }\n'
        'cases = ["Bad.", { text = "Good.", sentiment = "positive", question = "What?" }]'
    )
    ((one, two),) = (test.cases for test in read(write(tmp_path, text), TAXONOMY))
    assert (one.expect["sentiment"], one.question) == ("negative", "Why?")
    assert (two.expect["sentiment"], two.question) == ("positive", "What?")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('cases = [{ text = "Kaputt", has = ["no_label"] }]', "case 1: has: not a value"),
        ('cases = [{ text = "Kaputt", sentiment = "sad" }]', "case 1: sentiment: not a value"),
        ('cases = ["Kaputt"]', "case 1: nothing is expected"),
        ('cases = [{ text = "Kaputt", mood = "bad" }]', "case 1: unknown: mood"),
        ('cases = [{ text = "Kaputt", adds = ["easy_to_use"] }]', "case 1: unknown: adds"),
        ('cases = [{ text = "Kaputt", effort = "hard", changed = ["b"] }]', "case 1: must be changed in inv"),
        (
            'cases = [{ text = "Kaputt", quotes = { easy_to_use = "simple" } }]',
            "case 1: quotes: words that are",
        ),
        (
            'cases = [{ text = "Kaputt", question = 4, effort = "hard" }]',
            "case 1: question: must be a string",
        ),
        ("cases = [{ text = '' }]", "case 1: text: must be a string"),
        ("cases = []", "cases: must be a list"),
        ('slot = 1\ncases = ["Kaputt"]', "unknown: slot"),
    ],
)
def test_what_is_wrong_is_named_with_file_test_and_case(tmp_path: Path, lines: str, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        read(write(tmp_path, HEAD + lines), TAXONOMY)
    assert caught.value.code == "invalid_suite"
    assert caught.value.detail.startswith("a.toml, test 'one'")
    assert problem in caught.value.detail
    assert "Kaputt" not in caught.value.detail


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("capability = ", "cannot be read"),
        ("", "capability: must be a string"),
        ('capability = "a"', "tests: must be a list"),
        ('capability = "a"\n[[tests]]\nabout = "b"', "name: must be a string"),
        (HEAD.replace("mft", "all") + 'cases = ["a"]', "kind: must be one of mft, inv, dir"),
        (
            HEAD.replace("mft", "dir") + 'expect = { sentiment = "up" }\ncases = ["a"]',
            "must be changed in inv and dir",
        ),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read(write(tmp_path, text), TAXONOMY)


def test_a_name_is_used_once_and_an_empty_folder_is_no_suite(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no test in it"):
        read(tmp_path, TAXONOMY)
    whole = HEAD + 'expect = { effort = "hard" }\ncases = ["a"]'
    write(tmp_path, whole, "b.toml")
    with pytest.raises(InputError, match="two tests named 'one'"):
        read(write(tmp_path, whole), TAXONOMY)


def test_of_another_taxonomy_the_suite_does_not_speak() -> None:
    data = TAXONOMY.to_dict()
    assert shipped(taxonomy.from_dict(data | {"themes": data["themes"][:3]})) == []
    assert shipped(taxonomy.from_dict(data | {"intents": ["complaint", "praise", "other"]})) == []
