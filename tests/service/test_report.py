"""The report: the numbers of the API in one document that asks for nothing, for days, a touchpoint and a segment."""

import base64
import importlib.util
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

import models
from models.command import main
from service.database import read
from service.listing import Where
from service.metrics.journey import Order
from service.render import day
from service.reports.gathering import Asked, gathered
from service.reports.pdf import as_pdf
from service.views.showing import rate_shown

TEXTS = ("Agent was kind but nobody ever fixed my bill.", "Checkout was easy and the app is good.", "n/a")
REGIONS: tuple[dict[str, Any], ...] = (
    {"region": "north"},
    {"region": "söuth"},
    {"region": 3},
    {"region": True},
    {},
)
EVIL = {
    "id": "evil",
    "text": 'Agent was rude <script src="http://evil.example/x.js">alert(1)</script> <img src=x> & nobody helped',
    "touchpoint": "billing",
    "occurred_at": "2026-10-20T09:00:00Z",
}


def sent(n: int) -> dict[str, Any]:
    return {
        "id": f"r-{n}",
        "text": TEXTS[n % 3],
        "touchpoint": ("billing", "order", "kiosk")[0 if n % 20 == 0 else 1 + (n % 41 == 0)],
        "channel": ("phone", "mail")[n % 2],
        "occurred_at": f"2026-{9 + n % 2:02d}-{n % 28 + 1:02d}T09:00:00Z",
        "scores": {"nps": n % 11, "csat": n % 5 + 1, "ces": n % 7 + 1},
        "metadata": REGIONS[n % 5],
    }


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    """200 comments at three touchpoints, one of them with too few to say anything of."""
    assert not client.post("/v1/comments", json={"comments": [*map(sent, range(200)), EVIL]}).json()["errors"]
    return client


class Asks(HTMLParser):
    """What a document would fetch or run, and the styles that lie in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.asks: list[str] = []
        self.styles: list[str] = []
        self._in_style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"
        fetching = ("src", "href", "srcset", "action", "data", "style", "xlink:href")
        self.asks += [f"{tag} {name}" for name, _ in attrs if name in fetching or name.startswith("on")]
        self.asks += [tag] * (tag in ("script", "link", "img", "iframe", "object", "embed", "form", "base"))

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles.append(data)
            self._in_style = False


def view_of(client: TestClient, **asked: Any) -> dict[str, Any]:
    parts = client.app.state.parts  # type: ignore[attr-defined]
    taxonomy = parts.model.taxonomy
    with read(parts.engine) as conn:
        order = Order.of(parts.settings, taxonomy)
        return gathered(conn, "default", Asked(**asked), parts.rules, order, taxonomy)


def plain(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name != "changes"}


def test_its_numbers_are_those_of_the_api(filled: TestClient) -> None:
    view = view_of(filled, from_day=date(2026, 9, 10), to_day=date(2026, 11, 1))
    answer = filled.get("/v1/touchpoints?from=2026-09-10&to=2026-11-01").json()
    assert plain(view["total"]["m"]) == answer["total"]
    by_id = {one["touchpoint"]: one for one in answer["touchpoints"]}
    assert {one["id"]: plain(one["m"]) for one in view["stops"]} == by_id
    html = filled.get("/report?from=2026-09-10&to=2026-11-01").text
    assert "<b>10 Sep 2026</b> to <b>31 Oct 2026</b>" in html
    assert f'<span class="value">{answer["total"]["n"]}</span>' in html
    top = max(answer["total"]["issues"], key=lambda one: one["observed"]["count"])
    shown = rate_shown(top, answer["total"])
    assert f"{100 * shown['rate']:.0f}%" in html
    assert f"{shown['count']}/{shown['n']}" in html
    assert f"model version <b>{next(iter(answer['total']['model_versions']))}</b>" in html


@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("channel", "phone"),
        ("metadata.region", "north"),
        ("metadata.region", "söuth"),
        ("metadata.region", "3"),
        ("metadata.region", "true"),
    ],
)
def test_of_a_segment_they_are_those_of_segments(filled: TestClient, by: str, value: str) -> None:
    view = view_of(filled, where=Where(by, value))
    for place, metrics in [("*", view["total"]["m"]), *((one["id"], one["m"]) for one in view["stops"])]:
        answer = filled.get("/v1/segments", params={"by": by, "touchpoint": place}).json()
        own = [one for one in answer["segments"] if str(one["value"]).lower() == value]
        assert [one["metrics"] for one in own] == [plain(metrics)]
    assert view["total"]["m"]["n"] > 30
    html = filled.get("/report", params={"where": f"{by}={value}"}).text
    assert f"only comments with {by.removeprefix('metadata.')} <b>{value}</b>" in html


def test_changes_of_a_segment_are_of_its_own_days_before(client: TestClient) -> None:
    comments = [
        {
            "id": f"{channel}-{month}-{n}",
            "text": TEXTS[1] if month == 9 else TEXTS[0],
            "channel": channel,
            "touchpoint": "order",
            "occurred_at": f"2026-{month:02d}-{n % 28 + 1:02d}T09:00:00Z",
        }
        for channel, months in (("phone", (9, 10)), ("mail", (10,)))
        for month in months
        for n in range(60)
    ]
    assert not client.post("/v1/comments", json={"comments": comments}).json()["errors"]
    days = {"from_day": date(2026, 10, 1), "to_day": date(2026, 10, 31)}
    phone, mail = (view_of(client, where=Where("channel", one), **days) for one in ("phone", "mail"))
    assert ("Net sentiment", False) in {(one["what"], one["better"]) for one in phone["changes"]}
    assert mail["changes"] == []


def test_it_asks_for_nothing_and_runs_nothing(filled: TestClient) -> None:
    answer = filled.get("/report")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    found = Asks(answer.text)
    assert found.asks == []
    assert not re.search(r"url\(|@import|var\(", "".join(found.styles))
    assert "&lt;script src=&#34;http://evil.example/x.js&#34;&gt;" in answer.text
    # Its own styles and nothing else may be used, over HTTP and from a disk.
    policy = answer.headers["content-security-policy"]
    for style in found.styles:
        assert base64.b64encode(sha256(style.encode()).digest()).decode() in policy
    meta = re.search(r'Content-Security-Policy" content="([^"]+)"', answer.text)
    assert meta
    assert meta[1].replace("&#39;", "'") in policy
    assert "default-src 'none'" in policy


def test_what_is_too_few_is_hidden_and_said(filled: TestClient) -> None:
    view, html = view_of(filled), filled.get("/report").text
    assert [one["id"] for one in view["too_few"]] == ["kiosk"]
    assert "Too few comments to say anything of: kiosk (" in html
    assert {one["id"] for one in view["parts"]} == {"billing", "order"}
    assert [row["m"]["touchpoint"] for row in view["heat"][0]["rows"]] == ["*", "billing", "order"]
    assert '<span class="chip">low base</span>' in html
    # Neither a low nor a high point is made of a low base.
    assert view["points"]["lowest"] is None


def test_a_typical_comment_stands_for_its_label_and_long_ones_are_cut(client: TestClient) -> None:
    long = "Words without end. " * 40 + "Nobody ever fixed my bill. " + "More words. " * 40
    comments = [{"id": f"l{n}", "text": long, "touchpoint": "billing"} for n in range(6)]
    assert not client.post("/v1/comments", json={"comments": comments}).json()["errors"]
    html = client.get("/report").text
    quote = re.search(r'<blockquote><p dir="auto">(.*?)</p>', html, re.S)
    assert quote
    assert quote[1].startswith("…")
    assert quote[1].endswith("…")
    assert "Nobody ever fixed my bill" in re.sub("<[^>]+>", "", quote[1])
    assert len(re.sub("<[^>]+>", "", quote[1])) <= 322


def test_a_touchpoint_that_was_not_there_before_has_nothing_to_compare_with(client: TestClient) -> None:
    for days, place in ((1, "kiosk"), (1, "order"), (29, "order")):
        at = (datetime(2026, 11, 16, 12, tzinfo=UTC) - timedelta(days=days)).isoformat()
        lines = [
            {"id": f"{place}{days}-{n}", "text": "Fine.", "touchpoint": place, "occurred_at": at}
            for n in range(40)
        ]
        assert client.post("/v1/comments", json={"comments": lines}).status_code < 300
    assert "Nothing changed" in client.get("/report?touchpoint=order").text
    alone = client.get("/report?touchpoint=kiosk").text
    assert "Nothing changed" not in alone
    assert "Too few comments" in alone


def test_what_is_compared_is_named_with_its_days(filled: TestClient) -> None:
    # Nobody said which days: the whole is shown, and the last four weeks are compared.
    last = date.fromisoformat(filled.get("/v1/touchpoints").json()["total"]["to"]) - timedelta(days=1)
    days = f"{day(last - timedelta(days=27))} to {day(last)}"
    assert f"{days}, against as many days before" in filled.get("/report").text
    assert f"{days}, against as many days before" in filled.get("/").text
    assert re.search(rf"{days} (against|differs from) the 28 days before", filled.get("/report").text)


def test_the_star_is_all_touchpoints(filled: TestClient) -> None:
    assert filled.get("/report?touchpoint=*").text == filled.get("/report").text


def test_one_touchpoint_alone(filled: TestClient) -> None:
    html = filled.get("/report?touchpoint=order").text
    assert "<b>order</b>" in html
    assert "billing" not in html
    metrics = filled.get("/v1/touchpoints/order/metrics").json()
    assert plain(view_of(filled, touchpoint="order")["total"]["m"]) | {"series": []} == metrics


@pytest.mark.parametrize("query", ["", "?from=2030-01-01", "?where=channel%3Dphone", "?to=0001-01-01"])
def test_where_there_is_nothing_it_says_so(client: TestClient, query: str) -> None:
    answer = client.get(f"/report{query}")
    assert answer.status_code == 200
    assert "No comment falls within" in answer.text
    assert "<table" not in answer.text


@pytest.mark.parametrize(
    ("query", "status", "code", "named"),
    [
        ("from=yesterday", 422, "invalid_value", "from"),
        ("format=docx", 422, "invalid_value", "format"),
        ("where=channel", 422, "invalid_value", "where"),
        ("where=text%3Dzebra", 422, "invalid_value", "where"),
        ("where=metadata.a%22b%3D1", 422, "invalid_value", "where"),
        ("nonsense=1", 422, "unknown_field", "nonsense"),
        ("touchpoint=nowhere", 404, "unknown_touchpoint", "touchpoint"),
    ],
)
def test_a_bad_question_is_named(filled: TestClient, query: str, status: int, code: str, named: str) -> None:
    answer = filled.get(f"/report?{query}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert named in answer.json()["detail"]


def test_a_hundred_touchpoints_are_below_a_megabyte(client: TestClient) -> None:
    words = "Nobody ever fixed my bill and the agent was kind, but it took far too long. " * 6
    for start in range(103):
        comments = [
            {"id": f"p{start}-{n}", "text": f"{words} {n}", "touchpoint": f"place-of-some-length-{start:03d}"}
            for n in range(6 + (start < 100))
        ]
        assert not client.post("/v1/comments", json={"comments": comments}).json()["errors"]
    answer = client.get("/report")
    assert 100_000 < len(answer.content) < 1_000_000
    assert "3 more are counted in the total" in answer.text
    assert answer.text.count('<section class="place">') == 100


def test_the_page_leads_to_it(filled: TestClient) -> None:
    html = filled.get("/?from=2026-10-01&to=2026-11-01").text
    form = html[html.index('action="/report"') : html.index("</form>", html.index('action="/report"'))]
    assert 'name="from" value="2026-10-01"' in form
    assert '<button name="format" value="pdf">PDF</button>' in form


def skip_without_pdf() -> None:
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:  # the latter without Debian's Pango
        pytest.skip(f"PDF reports cannot be made here: {error}".splitlines()[0])


def test_pdf(filled: TestClient) -> None:
    skip_without_pdf()
    answer = filled.get("/report?format=pdf&from=2026-09-01&to=2026-11-01")
    assert answer.headers["content-type"] == "application/pdf"
    assert (
        'filename="customer-journey-from-2026-09-01-to-2026-11-01.pdf"'
        in answer.headers["content-disposition"]
    )
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.rstrip().endswith(b"%%EOF")


def test_pdf_fetches_nothing(tmp_path: Path) -> None:
    skip_without_pdf()
    picture = tmp_path / "a.svg"
    picture.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    )
    plain = as_pdf("<p>Words</p>")
    with_picture = as_pdf(f'<p>Words</p><img src="{picture.as_uri()}">')
    assert abs(len(with_picture) - len(plain)) < 100


def test_without_the_extra_it_is_named(filled: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    answer = filled.get("/report?format=pdf")
    assert (answer.status_code, answer.json()["code"]) == (501, "missing_extra")
    assert "'.[report]'" in answer.json()["detail"]
    with pytest.raises(models.MissingExtraError, match="report"):
        as_pdf("<p>")


def test_the_command_writes_the_same_document(
    filled: TestClient, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    file = tmp_path / "journey.html"
    asked = ["--from", "2026-09-01", "--where", "channel=phone", "--output", str(file)]
    done = CliRunner().invoke(main, ["report", *asked])
    assert done.exit_code == 0, done.output
    today = f"{datetime.now(UTC).date():%-d %b %Y}"
    served = filled.get("/report", params={"from": "2026-09-01", "where": "channel=phone"}).text
    assert f"Made on {today}" in served
    assert file.read_text(encoding="utf-8") == served


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--output", "journey.docx"], "--output: must end in .html or .pdf"),
        (["--output", "j.html", "--from", "May"], "--from: must be a date"),
        (["--output", "j.html", "--where", "channel"], "--where: must be like channel=phone"),
        (["--output", "j.html", "--touchpoint", "nowhere"], "no comment counts under this touchpoint"),
    ],
)
def test_the_command_names_what_is_wrong(
    arguments: list[str], named: str, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    done = CliRunner().invoke(main, ["report", *arguments])
    assert done.exit_code == 2
    assert named in done.output
    assert list(tmp_path.glob("j*")) == []


def test_verbatims_are_of_the_segment(client: TestClient) -> None:
    comments = [
        {"id": f"{channel}{n}", "text": f"Nobody ever fixed my bill by {channel}.", "channel": channel}
        for channel in ("phone", "mail")
        for n in range(6)
    ]
    assert not client.post("/v1/comments", json={"comments": comments}).json()["errors"]
    html = client.get("/report?where=channel%3Dmail").text
    assert "by mail" in html
    assert "by phone" not in html


@pytest.mark.parametrize(
    ("asked", "said"),
    [("from=2030-01-01", "from <b>1 Jan 2030</b>"), ("to=2020-01-01", "before <b>1 Jan 2020</b>")],
)
def test_days_without_a_comment_are_named_as_asked(filled: TestClient, asked: str, said: str) -> None:
    report = filled.get(f"/report?{asked}").text
    assert said in report
    assert "all days" not in report
    story = filled.get(f"/all?{asked}").text
    assert "None" not in story
