"""The page: readable without a script, safe whatever a comment holds, and plain about what is not there."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from service.render import decimal, percent, signed

EVIL = {
    "id": "<x>",
    "text": 'Agent was rude <script>alert(1)</script> & nobody "fixed" my bill 👎',
    "question": "<b>What</b> could we improve?",
    "touchpoint": "support.phone",
    "occurred_at": "2026-10-05T09:00:00Z",
    "scores": {"nps": 2},
}
HEBREW = {"id": "he", "text": "השירות היה איטי מאוד ולא עזר לי בכלל", "touchpoint": "support.phone"}


def fill(client: TestClient, *comments: Mapping[str, object]) -> None:
    assert not client.post("/v1/comments", json={"comments": comments}).json()["errors"]


class Outline(HTMLParser):
    """The tags of a page, and where its links and resources lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = dict(attrs)
        assert not [name for name in names if name.startswith("on") or name == "style"]
        self.targets += [target for name in ("href", "src", "action") if (target := names.get(name))]


def test_an_empty_house_says_how_to_fill_it(client: TestClient) -> None:
    html = client.get("/").text
    assert "There are no comments yet" in html
    assert "listenwell backfill" in html
    assert "<table" not in html


def test_the_table_has_a_line_for_each_touchpoint(client: TestClient) -> None:
    fill(
        client, EVIL, *({"id": f"o{i}", "text": "Checkout was easy", "touchpoint": "order"} for i in range(6))
    )
    html = client.get("/").text
    assert re.findall(r'<th scope="row"><a href="([^"]+)"', html) == [
        "/all",
        "/touchpoints/order",
        "/touchpoints/support.phone",
    ]
    assert 'href="/touchpoints/order?strength=easy_to_use#comments"' in html
    assert "low base" in html


def test_values_on_few_answers_are_hidden_and_their_count_is_shown(client: TestClient) -> None:
    fill(client, EVIL)
    html = client.get("/touchpoints/support.phone").text
    nps = html[html.index("<dt>NPS") : html.index("<dt>CSAT")]
    assert "–" in nps
    assert "1 answer" in nps


@pytest.mark.parametrize("path", ["/", "/all", "/touchpoints/support.phone", "/docs", "/nothing"])
def test_nothing_in_a_comment_is_markup_and_nothing_is_asked_of_elsewhere(
    client: TestClient, path: str
) -> None:
    fill(client, EVIL, HEBREW)
    answer = client.get(path, headers={"accept": "text/html"})
    outline = Outline(answer.text)
    assert "script" not in outline.tags
    assert not [target for target in outline.targets if not target.startswith(("/", "#", "?", "data:,"))]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert outline.tags.count("h1") == 1


def test_comments_are_shown_with_their_evidence(client: TestClient) -> None:
    fill(client, EVIL, HEBREW)
    html = client.get("/touchpoints/support.phone?issue=lack_of_empathy").text
    assert re.search(r'<mark class="issue" title="[^"]*Lack of empathy', html)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "issue: Lack of empathy" in html
    assert str(HEBREW["text"]) not in html
    assert "not analysed" in client.get("/all").text


def test_an_empty_form_shows_everything(client: TestClient) -> None:
    fill(client, EVIL)
    html = client.get("/all?q=&sentiment=&empathy=&from=&to=").text
    assert html.count("<article>") == 1


def test_older_comments_are_a_link_that_keeps_the_filters(client: TestClient) -> None:
    fill(client, *({"id": f"o{i}", "text": "Checkout was easy", "touchpoint": "order"} for i in range(21)))
    first = client.get("/touchpoints/order?sentiment=positive").text
    assert first.count("<article>") == 20
    (older,) = re.findall(r'rel="next" href="([^"#]+)#comments"', first)
    assert "sentiment=positive" in older
    second = client.get("/touchpoints/order" + older.replace("&amp;", "&")).text
    assert second.count("<article>") == 1
    assert 'rel="next"' not in second


def test_a_person_gets_a_page_where_a_program_gets_json(client: TestClient) -> None:
    page = client.get("/touchpoints/nowhere", headers={"accept": "text/html,*/*"})
    assert page.status_code == 404
    assert "<h1>Not Found</h1>" in page.text
    assert client.get("/touchpoints/nowhere").json()["code"] == "unknown_touchpoint"


def test_every_call_is_described(client: TestClient) -> None:
    html = client.get("/docs").text
    for path in client.get("/openapi.json").json()["paths"]:
        assert path in html


def test_figures() -> None:
    assert [signed(value) for value in (-12.4, 0.3, 7, None)] == ["−12", "0", "+7", "–"]
    assert [percent(value) for value in (0.237, 0, 1, None)] == ["24%", "0%", "100%", "–"]
    assert [decimal(value) for value in (4.06, -0.5, None)] == ["4.1", "−0.5", "–"]
