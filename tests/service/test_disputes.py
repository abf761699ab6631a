"""When a dispute is over: once it was judged, in whatever words, or once nobody differs any more."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

LABEL = "lack_of_empathy"
Say = Callable[[str, str], None]


@pytest.fixture
def say(client: TestClient) -> Say:
    """Somebody's word on the label of one comment, in which the model does not find it."""
    client.post("/v1/comments", json={"comments": [{"id": "a", "text": "The app crashes."}]})

    def say(actor: str, verdict: str) -> None:
        said = {"labels": {verdict: [LABEL]}, "actor": actor}
        assert client.post("/v1/comments/a/corrections", json=said).status_code == 200

    return say


def disputed(client: TestClient, annotator: str = "dora") -> list[str]:
    answer = client.get("/v1/review", params={"stream": "disputed", "annotator": annotator}).json()
    return [item["id"] for item in answer["items"]]


def test_judged_in_the_same_words_as_before_it_is_settled(client: TestClient, say: Say) -> None:
    say("anna", "remove")
    say("ben", "add")
    assert disputed(client) == ["a"]
    given = {"stream": "disputed", "id": "a", "actor": "ben", "present": [LABEL]}
    assert client.post("/v1/review", json=given).json() == {"outcome": "created"}
    assert disputed(client) == []


def test_who_comes_round_ends_it(client: TestClient, say: Say) -> None:
    say("anna", "remove")
    say("ben", "add")
    assert disputed(client) == ["a"]
    say("ben", "remove")
    assert disputed(client) == []


def test_who_takes_back_a_slip_ends_it(client: TestClient, say: Say) -> None:
    say("anna", "add")
    assert disputed(client) == ["a"]
    say("anna", "remove")
    assert disputed(client) == []


def test_another_word_on_another_label_leaves_it(client: TestClient, say: Say) -> None:
    say("anna", "remove")
    say("ben", "add")
    said = {"labels": {"remove": ["easy_to_use"]}, "actor": "carl"}
    client.post("/v1/comments/a/corrections", json=said)
    assert disputed(client) == ["a"]
