"""Emerging themes: planted ones are found, shuffled words make none, and only comments without a label are read."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from starlette.testclient import TestClient

from models import Analysis
from service import repository
from service.commands.emerging import emerging
from service.database import write
from service.metrics.answers import EmergingOut
from service.records import CommentRecord
from service.statistics.themes import MIN_TEXTS, having, themes, words_of

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
# Words of no theme, the first ones much more frequent than the last, as words are.
OTHERS = [
    f"{first}{second}{third}"
    for first in "bdfgk"
    for second in ("ala", "emo", "iru", "oto")
    for third in "lmnrs"
]
WEIGHTS = [1 / (rank + 3) for rank in range(len(OTHERS))]
PARKING = "parking garage ticket barrier space car".split()
GIFTS = "gift wrapping ribbon christmas paper bow".split()


def noise(dice: random.Random) -> list[str]:
    return dice.choices(OTHERS, WEIGHTS, k=dice.randint(3, 18))


def texts(dice: random.Random, plain: int, *planted: tuple[Sequence[str], int]) -> list[str]:
    """Comments of chance words, and among them some that speak of a theme with two to four of its words."""
    found = [noise(dice) for _ in range(plain)]
    for words, times in planted:
        found += [noise(dice) + dice.sample(list(words), dice.randint(2, 4)) for _ in range(times)]
    for words in found:
        dice.shuffle(words)
    dice.shuffle(found)
    return [" ".join(words) for words in found]


def shuffled(dice: random.Random, given: Sequence[str]) -> list[str]:
    """The same words and lengths, with the words dealt anew."""
    words = [word for text in given for word in text.split()]
    dice.shuffle(words)
    deck = iter(words)
    return [" ".join(next(deck) for _ in text.split()) for text in given]


@pytest.mark.parametrize("seed", range(5))
def test_planted_themes_are_found_and_nothing_else(seed: int) -> None:
    found = themes(texts(random.Random(seed), 600, (PARKING, 60), (GIFTS, 40)))
    assert len(found) == 2
    for theme, planted, times in zip(found, (PARKING, GIFTS), (60, 40), strict=True):
        assert set(theme.words) == set(planted)
        assert len(theme.rows) == times


def test_shuffled_words_make_no_theme() -> None:
    """One false theme in thirty sets would be much, at a level of 0.01 and bounds that are wide."""
    dice = random.Random(6)
    false = 0
    for _ in range(30):
        false += len(themes(shuffled(dice, texts(dice, 500, (PARKING, 60), (GIFTS, 40)))))
    assert false <= 1


def test_long_and_short_texts_make_no_theme() -> None:
    dice = random.Random(8)
    long = [" ".join(dice.choices(OTHERS, WEIGHTS, k=40)) for _ in range(150)]
    short = [" ".join(dice.choices(OTHERS, WEIGHTS, k=3)) for _ in range(450)]
    assert themes(long + short) == []


def test_the_same_texts_have_the_same_themes() -> None:
    given = texts(random.Random(1), 300, (PARKING, 50))
    assert themes(given) == themes(given)


def test_one_text_sent_many_times_is_no_evidence() -> None:
    dice = random.Random(3)
    assert themes(texts(dice, 300) + [" ".join(PARKING)] * 200) == []


def test_few_texts_say_nothing() -> None:
    assert themes([]) == []
    assert themes(texts(random.Random(1), 0, (PARKING, MIN_TEXTS - 1))) == []


def test_words_are_counted_once_and_plain_ones_not() -> None:
    assert words_of("The PARKING, the parking! And 24 élèves of it") == ("parking", "élèves")
    assert having(
        [("no", "parking"), ("garage", "parking"), (), ("garage", "ticket", "parking")],
        ("parking", "garage", "ticket"),
    ) == [3, 1]


@pytest.fixture
def fill(
    client: TestClient,
    engine_of: sa.Engine,
    make_record: Callable[..., CommentRecord],
    make_analysis: Callable[..., Analysis],
) -> Callable[..., None]:
    ids = iter(range(100_000))

    def fill(given: Sequence[str], *, found: dict[str, Any] | None = None, **fields: Any) -> None:
        fields = {"touchpoint": "shop", "occurred_at": NOON, **fields}
        records = [make_record(id=f"c{next(ids)}", text=text, **fields) for text in given]
        with write(engine_of) as conn:
            repository.save_all(conn, [(record, make_analysis(**found or {})) for record in records], NOON)

    return fill


def get(client: TestClient, **asked: str) -> dict[str, Any]:
    answer = client.get("/v1/emerging", params=asked)
    assert answer.status_code == 200, answer.text
    EmergingOut.model_validate(answer.json())
    return dict(answer.json())


def test_what_no_issue_covers(client: TestClient, fill: Callable[..., None]) -> None:
    dice = random.Random(2)
    fill(texts(dice, 200, (PARKING, 50)))
    fill(texts(dice, 200, (PARKING, 5)), occurred_at=NOON - timedelta(days=28))
    # What an issue covers, what has no content and what was not read is not looked at.
    for found in ({"issues": ["unresolved_issue"]}, {"no_content": True}, {"read": False}):
        fill(texts(dice, 50, (GIFTS, 60)), found=found)
    fill(texts(dice, 60, (GIFTS, 60)), touchpoint="elsewhere", tenant="another")
    answer = get(client)
    assert (answer["unexplained"], answer["before"], answer["enough"]) == (250, 205, True)
    assert (answer["from"], answer["to"]) == ("2026-10-20", "2026-11-17")
    (theme,) = answer["themes"]
    assert set(theme["words"]) == set(PARKING)
    assert (theme["n"], theme["share"]) == (50, 0.2)
    growth = theme["growth"]
    assert (growth["before"], growth["real"]) == (5, True)
    assert growth["difference"] == pytest.approx(0.2 - 5 / 205, abs=1e-4)
    assert growth["ci95"][0] < growth["difference"] < growth["ci95"][1]
    assert len(theme["typical"]) == 3
    assert all(len(set(one["text"].split()) & set(PARKING)) >= 2 for one in theme["typical"])
    page = client.get("/emerging").text
    assert ", ".join(theme["words"]) in page
    assert "<b>Grows</b>" in page
    assert "Last 28 days</a>" in page
    assert "All days" not in page
    assert (get(client, **{"from": "2026-09-01"})["from"], get(client)["from"]) == (
        "2026-09-01",
        "2026-10-20",
    )
    # The other tenant's.
    assert client.get("/v1/emerging", params={"touchpoint": "elsewhere"}).status_code == 404
    assert get(client, to="2026-11-01")["themes"] == []


def test_texts_of_two_themes_count_for_both_on_both_sides(
    client: TestClient, fill: Callable[..., None]
) -> None:
    dice = random.Random(5)
    for days in (0, 28):
        both = [
            f"{one} {other}"
            for one, other in zip(texts(dice, 0, (PARKING, 40)), texts(dice, 0, (GIFTS, 40)), strict=True)
        ]
        given = both + texts(dice, 300, (PARKING, 50), (GIFTS, 50))
        fill(given, occurred_at=NOON - timedelta(days=days))
    found = get(client)["themes"]
    assert len(found) == 2
    assert [one["growth"]["real"] for one in found] == [False, False]
    assert all(abs(one["growth"]["difference"]) < 0.02 for one in found)


def test_without_days_before_there_is_no_growth(client: TestClient, fill: Callable[..., None]) -> None:
    fill(texts(random.Random(2), 200, (PARKING, 50)))
    assert [one["growth"] for one in get(client)["themes"]] == [None]
    assert "Too few comments before" in client.get("/emerging").text


def test_an_empty_store_and_a_small_one(client: TestClient, fill: Callable[..., None]) -> None:
    assert get(client) | {"themes": []} == get(client)
    assert get(client)["enough"] is False
    assert "There is too little to look at" in client.get("/emerging").text
    fill(["parking garage"] * 20)
    assert get(client)["themes"] == []
    fill(["parking garage"] * 60)
    assert get(client)["enough"] is False
    assert client.get("/emerging", params={"from": "2026-11-16", "to": "2026-11-17"}).status_code == 200


def test_days_that_are_none(client: TestClient) -> None:
    answer = client.get("/v1/emerging", params={"from": "soon"})
    assert (answer.status_code, answer.json()["detail"][:5]) == (422, "from:")


def test_the_command(
    client: TestClient, fill: Callable[..., None], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    fill(texts(random.Random(2), 200, (PARKING, 50)))
    told = CliRunner().invoke(emerging, [])
    assert told.exit_code == 0, told.output
    assert "themes: 1 in 250 comments" in told.output
    as_json = CliRunner().invoke(emerging, ["--json"])
    assert json.loads(as_json.output) == get(client)
    assert CliRunner().invoke(emerging, ["--tenant", "another"]).output.startswith("themes: 0 in 0")
