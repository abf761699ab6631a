"""Yes and no on the page: a correction like any other, that moves what is counted, and that no other site can make."""

from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from tests.keys import make_key

ISSUE = "unresolved_issue"
TEXT = "Agent was kind but nobody ever fixed my bill."


@pytest.fixture(autouse=True)
def filled(client: TestClient) -> None:
    comments = [{"id": f"r-{n}", "text": TEXT, "touchpoint": "support"} for n in range(6)]
    assert not client.post("/v1/comments", json={"comments": comments}).json()["errors"]


def say(client: TestClient, headers: dict[str, str] | None = None, **fields: str) -> tuple[int, str]:
    """The status, and where it leads."""
    form = {"content-type": "application/x-www-form-urlencoded"} | (headers or {})
    answer = client.post("/comments/verdict", content=urlencode(fields), headers=form, follow_redirects=False)
    return answer.status_code, answer.headers.get("location", "")


def tagged(client: TestClient) -> int:
    issues = client.get("/v1/touchpoints/support/metrics").json()["issues"]
    return next(int(one["observed"]["count"]) for one in issues if one["id"] == ISSUE)


def test_no_moves_the_count_and_yes_takes_it_back(client: TestClient) -> None:
    back = f"?touchpoint=support&issue={ISSUE}&q=bill"
    assert tagged(client) == 6
    status, to = say(client, id="r-2", disagree=ISSUE, back=back, place="3")
    assert status == 303
    assert to.startswith(f"/comments?touchpoint=support&issue={ISSUE}&q=bill&verdict=disagree")
    assert to.endswith("#c3")
    assert tagged(client) == 5
    html = client.get(to.partition("#")[0]).text
    assert "5 of 6" in html
    assert "is not said in r-2" in html
    assert 'aria-label="Comment r-2"' not in html
    (kept,) = client.get("/v1/corrections").json()["corrections"]
    assert (kept["comment_id"], kept["labels"]) == ("r-2", {"add": [], "remove": [ISSUE]})
    say(client, id="r-2", agree=ISSUE)
    assert tagged(client) == 6
    assert "said by a person" in client.get(f"/comments?issue={ISSUE}").text


def test_a_label_that_was_refused_stays_to_be_seen(client: TestClient) -> None:
    say(client, id="r-2", disagree=ISSUE)
    html = client.get("/comments?q=bill").text
    assert "a person said no" in html


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"id": "r-1"}, 422),
        ({"agree": ISSUE}, 422),
        ({"id": "r-1", "agree": "slow_food"}, 422),
        ({"id": "none", "agree": ISSUE}, 404),
        ({"id": "r-1\0", "agree": ISSUE}, 422),
    ],
)
def test_what_is_refused(client: TestClient, fields: dict[str, str], status: int) -> None:
    assert say(client, **fields)[0] == status
    assert client.get("/v1/corrections").json()["corrections"] == []


def test_it_leads_nowhere_else(client: TestClient) -> None:
    back = "?q=a&next=https://example.com/\r\nX: 1&touchpoint=support"
    _, to = say(client, id="r-1", agree=ISSUE, back=back, place="//example.com")
    assert to == f"/comments?q=a&touchpoint=support&verdict=agree&of={ISSUE}&comment=r-1#list"


def test_another_site_and_a_reader_cannot(client: TestClient, engine_of: Engine) -> None:
    assert say(client, {"sec-fetch-site": "cross-site"}, id="r-1", disagree=ISSUE)[0] == 403
    key = {"authorization": f"Bearer {make_key(engine_of, 'read')}"}
    assert say(client, key, id="r-1", disagree=ISSUE)[0] == 403
    assert "<button name=" not in client.get("/comments", headers=key).text
    writer = {"authorization": f"Bearer {make_key(engine_of, 'write')}"}
    assert '<button name="disagree"' in client.get("/comments", headers=writer).text
    assert tagged_as(client, writer) == 6


def tagged_as(client: TestClient, headers: dict[str, str]) -> int:
    issues = client.get("/v1/touchpoints/support/metrics", headers=headers).json()["issues"]
    return next(int(one["observed"]["count"]) for one in issues if one["id"] == ISSUE)


def test_who_was_overruled_can_say_it_again(client: TestClient) -> None:
    say(client, id="r-2", agree=ISSUE)
    said = {"labels": {"remove": [ISSUE]}, "actor": "ben"}
    assert client.post("/v1/comments/r-2/corrections", json=said).status_code == 200
    assert tagged(client) == 5
    say(client, id="r-2", agree=ISSUE)
    assert tagged(client) == 6
    assert len(client.get("/v1/comments/r-2").json()["corrections"]) == 3
    say(client, id="r-2", agree=ISSUE)
    assert len(client.get("/v1/comments/r-2").json()["corrections"]) == 3
