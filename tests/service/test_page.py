"""The page: readable without a script, safe whatever a comment holds, and plain about what is not there."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

import pytest
from jinja2 import nodes
from starlette.testclient import TestClient

from service.render import decimal, environment, percent, signed

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
        self.scripts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        names = dict(attrs)
        assert not [name for name in names if name.startswith("on") or name == "style"]
        if tag == "script":
            # Never any script in the page itself: it would be refused, and could be a comment's.
            self.scripts.append(names["src"] or "")
        self.targets += [target for name in ("href", "src", "action") if (target := names.get(name))]


def test_an_empty_house_says_how_to_fill_it(client: TestClient) -> None:
    html = client.get("/").text
    assert "There are no comments yet" in html
    assert "listenwell backfill" in html
    assert "<table" not in html


def test_the_journey_has_a_line_for_each_touchpoint(client: TestClient) -> None:
    fill(
        client, EVIL, *({"id": f"o{i}", "text": "Checkout was easy", "touchpoint": "order"} for i in range(6))
    )
    html = client.get("/").text
    assert re.findall(r'<th scope="row"><a href="([^"]+)"', html) == [
        "/all",
        # The taxonomy knows support, so what is below it comes before one's own.
        "/touchpoints/support.phone",
        "/touchpoints/order",
    ]
    assert 'href="/comments?touchpoint=order&amp;strength=easy_to_use"' in html
    assert "low base" in html
    # The same on the map: one of too few comments has no place on the curve.
    assert html.count('<circle class="dot low"') == 1
    assert html.count("too few") == 1


def test_values_on_few_answers_are_hidden_and_their_count_is_shown(client: TestClient) -> None:
    fill(client, EVIL)
    html = client.get("/touchpoints/support.phone").text
    nps = html[html.index("<dt>NPS") : html.index("<dt>CSAT")]
    assert "–" in nps
    assert "1 answer" in nps


def test_a_story_up_to_the_first_day_of_the_calendar_is_empty(client: TestClient) -> None:
    fill(client, EVIL)
    assert client.get("/touchpoints/support.phone?to=0001-01-01").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/heatmap",
        "/heatmap?show=strength",
        "/emerging",
        "/all",
        "/touchpoints/support.phone",
        "/touchpoints/support.phone/drivers?metric=nps",
        "/comments",
        "/comments?q=%3Cscript%3E&touchpoint=%3Cb%3E",
        "/comments?verdict=agree&of=%3Ci%3E&comment=%3Ci%3E",
        "/docs",
        "/nothing",
    ],
)
def test_nothing_in_a_comment_is_markup_and_nothing_is_asked_of_elsewhere(
    client: TestClient, path: str
) -> None:
    fill(client, EVIL, HEBREW)
    answer = client.get(path, headers={"accept": "text/html"})
    outline = Outline(answer.text)
    assert set(outline.scripts) <= {"/static/evidence.js", "/static/story.js"}
    assert not [target for target in outline.targets if not target.startswith(("/", "#", "?", "data:,"))]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert ("script-src 'self'" in policy) >= bool(outline.scripts)
    assert "unsafe" not in policy
    assert outline.tags.count("h1") == 1


def test_comments_are_shown_with_their_evidence_and_why(client: TestClient) -> None:
    fill(client, EVIL, HEBREW)
    html = client.get("/comments?touchpoint=support.phone&issue=lack_of_empathy").text
    assert re.search(r'<mark class="issue" title="[^"]*Lack of empathy', html)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "issue: Lack of empathy" in html
    assert '<b id="tagged">1 of 1</b> comments are tagged' in html
    assert re.search(r"\d+%, counts from \d+%", html)
    assert client.get("/v1/comments/%3Cx%3E").json()["analysis"]["model_version"] in html
    assert str(HEBREW["text"]) not in html
    everything = client.get("/comments").text
    assert "not analysed" in everything
    assert "Written in he that the model does not read" in everything


def test_a_rate_says_what_it_is_of_where_more_is_asked_for(client: TestClient) -> None:
    fill(client, *(EVIL | {"id": f"e{n}"} for n in range(3)))
    whole = '<b id="tagged">3 of 3</b> comments are tagged'
    narrowed = "Lack of empathy, whatever else is asked for: "
    assert whole in client.get("/comments?issue=lack_of_empathy").text
    assert narrowed not in client.get("/comments?issue=lack_of_empathy").text
    assert narrowed + whole in client.get("/comments?issue=lack_of_empathy&q=zebra").text


def test_where_a_comment_came_from_is_shown_and_asked_for(client: TestClient) -> None:
    fill(
        client,
        EVIL | {"channel": "<web>", "metadata": {"region": "north", "none": None, "vip": True}},
        HEBREW,
    )
    html = client.get("/comments?where=metadata.region%3Dnorth").text
    assert ">channel &lt;web&gt;</a> · <a" in html
    assert ">region north</a>" in html
    assert ">vip true</a>" in html
    assert "where=metadata.vip%3Dtrue" in html
    assert client.get("/comments?where=metadata.vip%3Dtrue").text.count("<article") == 1
    assert html.count("<article") == 1
    assert "only: metadata.region=north" in html


def test_the_menu_keeps_the_days(client: TestClient) -> None:
    fill(client, EVIL)
    for path in ("/", "/heatmap", "/comments", "/emerging", "/all"):
        html = client.get(f"{path}?from=2026-10-01&to=2026-10-09").text
        assert '<a href="/heatmap?from=2026-10-01&amp;to=2026-10-09"' in html
        assert '<a href="/drift"' in html


def test_an_empty_form_shows_everything(client: TestClient) -> None:
    fill(client, EVIL)
    html = client.get("/comments?q=&touchpoint=&issue=&sentiment=&empathy=&from=&to=").text
    assert html.count("<article") == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("touchpoint=order", ["easy"]),
        ("q=NOBODY", ["<x>"]),
        ("q=%25", []),
        ("sentiment=negative", ["<x>"]),
        ("empathy=uncaring", ["<x>"]),
        ("from=2026-10-06&to=2026-10-07", ["easy"]),
        ("strength=easy_to_use&touchpoint=support.phone", []),
    ],
)
def test_filters_live_in_the_address(client: TestClient, query: str, found: list[str]) -> None:
    easy = {"id": "easy", "text": "Checkout was easy", "touchpoint": "order"}
    fill(client, EVIL, easy | {"occurred_at": "2026-10-06T09:00:00Z"})
    html = client.get(f"/comments?{query}").text
    ids = re.findall(r'<article [^>]*aria-label="Comment ([^"]+)"', html)
    assert [id.replace("&lt;", "<").replace("&gt;", ">") for id in ids] == found
    assert ("No comment matches" in html) is (not found)


def test_older_comments_are_a_link_that_keeps_the_filters(client: TestClient) -> None:
    fill(client, *({"id": f"o{i}", "text": "Checkout was easy", "touchpoint": "order"} for i in range(21)))
    first = client.get("/comments?touchpoint=order&sentiment=positive").text
    assert first.count("<article") == 20
    (older,) = re.findall(r'rel="next" href="([^"]+)"', first)
    assert "sentiment=positive" in older
    second = client.get("/comments" + older.replace("&amp;", "&")).text
    assert second.count("<article") == 1
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


def test_where_too_little_is_there_no_page_says_that_nothing_changed(client: TestClient) -> None:
    fill(client, *({"id": f"o{n}", "text": "Checkout was easy", "touchpoint": "order"} for n in range(6)))
    for path, said in (
        ("/touchpoints/order", "Too little to tell by"),
        ("/touchpoints/order?to=2099-01-01", "Too little to tell by"),
        ("/", "Too few comments on either side"),
    ):
        html = client.get(path).text
        assert said in html, path
        assert "Nothing changed" not in html
        assert "No rate here is other" not in html


def test_no_template_takes_a_method_of_a_dict_for_an_entry() -> None:
    env = environment()
    for name in env.list_templates():
        tree = env.parse(env.loader.get_source(env, name)[0])
        called = {id(call.node) for call in tree.find_all(nodes.Call)}
        named = [one.attr for one in tree.find_all(nodes.Getattr) if id(one) not in called]
        assert not set(named) & {each for each in dir(dict) if not each.startswith("_")}, name
