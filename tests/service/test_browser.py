"""The page in a real browser: from the map to the evidence to a correction, by keyboard, with nothing refused."""

import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import models
import service
from service.app import create_app
from service.settings import Settings

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")
PAGE = Path(service.__file__).parent / "page"
TEXTS = ("Agent was kind but nobody ever fixed my bill.", "Checkout was easy and the app is good.")


@pytest.fixture
def address(tmp_path: Any, pipeline: models.Pipeline) -> Iterator[str]:
    """A server of its own with some comments."""
    settings = Settings(model="weightless", database_url=f"sqlite:///{tmp_path / 'a.db'}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(settings, pipeline.analyze)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    comments = [
        {
            "id": f"r-{n}",
            "text": TEXTS[n % 2],
            "touchpoint": ("billing", "order")[n % 2],
            "scores": {"nps": n % 11},
        }
        for n in range(80)
    ]
    app.state.parts.desk.record(comments)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_from_the_map_to_a_correction_that_moves_the_count(address: str, browser: Any) -> None:
    page = browser.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/")
    page.click("nav >> text=Heat map")
    page.click('a[href="/comments?touchpoint=billing&issue=unresolved_issue"]')
    before = int(page.inner_text("#tagged").split(" of ")[0])
    first = page.get_attribute("article", "aria-label")
    # None is at hand yet.
    page.keyboard.press("n")
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("n")
    assert int(page.inner_text("#tagged").split(" of ")[0]) == before - 1
    assert page.get_attribute("article", "aria-label") != first
    # The next comment is at hand already: one key more.
    with page.expect_navigation():
        page.keyboard.press("y")
    assert int(page.inner_text("#tagged").split(" of ")[0]) == before - 1
    with page.expect_navigation():
        page.click("text=instead")
    assert int(page.inner_text("#tagged").split(" of ")[0]) == before - 2
    page.goto(f"{address}/touchpoints/billing")
    page.wait_for_selector("[data-part]:not([aria-busy]) :is(table, p:not(.waiting))")
    assert not wrong
    assert all(url.startswith((address, "data:")) for url in asked)


def test_keys_in_review_are_for_the_label_at_hand(browser: Any) -> None:
    """The mouse moves on as the keys do: what was answered by a click is not answered once more by the next key."""
    page = browser.new_page()
    label = '<fieldset><input type="radio" name="{0}" value="yes"><input type="radio" name="{0}" value="no"></fieldset>'
    page.set_content(f'<form id="answer" data-blind="false">{"".join(map(label.format, "abc"))}</form>')
    page.add_script_tag(path=PAGE / "review.js")
    page.locator("input[value=no]").first.check()
    page.keyboard.press("y")
    answers = (
        "[...document.querySelectorAll('fieldset')].map((one) => one.querySelector(':checked')?.value ?? '')"
    )
    assert page.evaluate(answers) == ["no", "yes", ""]
    page.locator("input[value=no]").last.focus()
    page.keyboard.press("n")
    page.locator("input[value=no]").first.focus()
    page.keyboard.press("y")
    assert page.evaluate(answers) == ["yes", "yes", "no"]


@pytest.mark.parametrize("path", ["/", "/heatmap", "/comments", "/touchpoints/billing", "/review"])
def test_nothing_hangs_over_the_edge_of_a_phone(address: str, browser: Any, path: str) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(f"{address}{path}")
    page.wait_for_load_state("networkidle")
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0


def test_without_a_script_all_is_there(address: str, browser: Any) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/touchpoints/billing")
    page.click("text=Show what goes with NPS")
    assert "NPS is associated with" in page.inner_text("h1")
    page.goto(f"{address}/comments?issue=unresolved_issue")
    with page.expect_navigation():
        page.click("article button[name=disagree] >> nth=0")
    assert "is not said in" in page.inner_text("[role=status]")
