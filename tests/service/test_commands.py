"""The commands as they are typed."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

import models
from models.command import main
from service.analyse import Desk
from service.jobs.run import ALONE, Run
from service.render import percent
from service.views.showing import most_frequent

ROWS: list[dict[str, Any]] = [
    {"id": "1", "text": "Checkout was easy.", "touchpoint": "order", "scores": {"nps": 9}},
    {"id": "2", "text": "The parcel was late and nobody told me."},
    {"id": "3", "text": "n/a", "touchpoint": "order", "scores": {"nps": 6}},
]
MORE = ALONE + 88
"""Comments of more than one batch."""


@pytest.fixture(autouse=True)
def house(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and a database of its own, of either kind, and the weightless model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin)


def jsonl(name: str, rows: list[Any]) -> str:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def totals() -> dict[str, int]:
    found = json.loads(run("touchpoints", "--json").stdout)
    return {one["touchpoint"]: one["n"] for one in (found["total"], *found["touchpoints"])}


def test_analyze_writes_one_analysis_a_line_in_order() -> None:
    result = run("analyze", jsonl("in.jsonl", ROWS), "--output", "out.jsonl")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["1", "2", "3"]
    assert lines[2]["no_content"]


def test_analyze_lists_what_it_cannot_read_and_goes_on() -> None:
    rows = [*ROWS * 30, {"text": 5}, {"text": "last"}]
    result = run("analyze", "-", stdin="".join(json.dumps(row) + "\n" for row in rows))
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 91
    (error,) = [json.loads(line) for line in result.stderr.splitlines()]
    assert (error["index"], error["code"]) == (90, "invalid_type")


def test_backfill_counts_and_is_safe_to_run_twice() -> None:
    path = jsonl("in.jsonl", ROWS)
    first = run("backfill", path)
    assert first.exit_code == 0
    assert "3 created, 0 replayed, 0 replaced, 0 failed" in first.stdout
    assert "all comments" in first.stdout
    before = totals()
    assert "0 created, 3 replayed, 0 replaced, 0 failed" in run("backfill", path).stdout
    jsonl("in.jsonl", [*ROWS[:2], ROWS[2] | {"text": "Slow till"}])
    assert "0 created, 2 replayed, 1 replaced, 0 failed" in run("backfill", path).stdout
    assert totals() == before == {"*": 3, "order": 2, "delivery": 1}


def test_backfill_lists_what_failed() -> None:
    rows = [
        *({"id": f"b{i}", "text": "x", "scores": {"nps": 11}} for i in range(25)),
        {"text": "no id"},
        ROWS[0],
    ]
    result = run("backfill", jsonl("in.jsonl", rows), "--errors", "errors.jsonl")
    assert result.exit_code == 1
    assert "1 created, 0 replayed, 0 replaced, 26 failed" in result.stdout
    assert "row 1 (id b0): scores.nps: must be 10 or less [out_of_range]" in result.stderr
    assert "and 6 more" in result.stderr
    errors = [json.loads(line) for line in Path("errors.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [error["index"] for error in errors] == list(range(26))
    assert errors[-1]["code"] == "missing_field"


def test_backfill_can_make_ids_and_give_a_touchpoint() -> None:
    Path("shop.csv").write_text("text,Score\nEasy,9\nSlow,2\n", encoding="utf-8")
    result = run("backfill", "shop.csv", "--id-from-line", "--touchpoint", "till", "--map", "nps=Score")
    assert "2 created" in result.stdout
    assert totals() == {"*": 2, "till": 2}
    assert (
        "2 replayed"
        in run("backfill", "shop.csv", "--id-from-line", "--touchpoint", "till", "--map", "nps=Score").stdout
    )


def test_the_same_id_twice_in_one_file_is_told_wherever_it_stands() -> None:
    rows = [{"id": f"r{i}", "text": "fine"} for i in range(100)]
    result = run("backfill", jsonl("in.jsonl", [*rows, {"id": "r0", "text": "other"}]))
    assert "100 created, 0 replayed, 0 replaced, 1 failed" in result.stdout
    assert "row 101 (id r0)" in result.stderr


def test_an_interrupted_backfill_goes_on_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    path = jsonl("in.jsonl", [{"id": f"r{i}", "text": "fine"} for i in range(MORE)] + [{"text": "no id"}])
    with monkeypatch.context() as patch:
        patch.setattr(Run, "_take", interrupted(Run._take))
        stopped = run("backfill", path)
    assert stopped.exit_code == 130
    assert f"{ALONE:,} created" in stopped.stdout
    assert totals()["*"] == ALONE
    again = run("backfill", path)
    assert f"Going on behind row {ALONE:,}" in again.stderr
    assert f"{MORE:,} created, 0 replayed, 0 replaced, 1 failed" in again.stdout
    assert f"0 created, {MORE:,} replayed" in run("backfill", path).stdout


def test_an_interrupted_stream_keeps_what_it_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = "".join(json.dumps({"id": f"r{i}", "text": "fine"}) + "\n" for i in range(MORE))
    with monkeypatch.context() as patch:
        patch.setattr(Desk, "record", interrupted(Desk.record))
        stopped = run("backfill", "-", stdin=stream)
    assert stopped.exit_code == 130
    assert f"{ALONE:,} created" in stopped.stdout
    assert totals()["*"] == ALONE
    assert f"{MORE - ALONE} created, {ALONE:,} replayed" in run("backfill", "-", stdin=stream).stdout


def interrupted(action: Any) -> Any:
    """As with Ctrl-C at the second call."""
    calls: list[int] = []

    def act(*given: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return action(*given, **options)

    return act


def test_a_file_that_cannot_be_read_to_its_end_keeps_what_came_before() -> None:
    noise = Random(7)
    rows = b"".join(
        json.dumps({"id": f"r{i}", "text": f"fine {noise.random()}"}).encode() + b"\n"
        for i in range(2 * MORE)
    )
    packed = gzip.compress(rows)
    Path("in.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    cut = run("backfill", "in.jsonl.gz")
    assert cut.exit_code == 2
    assert "truncated_file" in cut.stderr
    kept = totals()["*"]
    assert kept > ALONE
    Path("in.jsonl.gz").write_bytes(packed)
    assert f"{2 * MORE - kept:,} created, {kept:,} replayed" in run("backfill", "in.jsonl.gz").stdout


def test_jobs_are_listed_shown_and_cancelled() -> None:
    assert "No jobs" in run("jobs", "list").stdout
    run("backfill", jsonl("in.jsonl", ROWS))
    listed = run("jobs", "list").stdout
    assert "backfill" in listed
    (id,) = [word for word in listed.split() if len(word) == 32]
    shown = json.loads(run("jobs", "show", id).stdout)
    assert (shown["state"], shown["counts"]["created"]) == ("done", 3)
    assert "it had ended: done" in run("jobs", "cancel", id).stdout
    assert Path("in.jsonl").exists()
    assert "unknown_job" in run("jobs", "show", "none").stderr
    assert "No jobs" in run("jobs", "list", "--tenant", "other").stdout


def test_touchpoints_of_some_days() -> None:
    assert "No comments in these days" in run("touchpoints").stdout
    dated = [row | {"occurred_at": f"2026-10-0{day}T09:00:00Z"} for day, row in enumerate(ROWS, start=1)]
    run("backfill", jsonl("in.jsonl", dated))
    found = json.loads(run("touchpoints", "--from", "2026-10-02", "--to", "2026-10-03", "--json").stdout)
    assert found["total"]["n"] == 1
    assert "order" in run("touchpoints").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["backfill", "none.csv"], "unreadable_file"),
        (["backfill", "in.txt"], "unknown_format"),
        (["backfill", "in.jsonl", "--map", "text"], "FIELD=COLUMN"),
        (["backfill", "in.jsonl", "--map", "stars=x"], "unknown_field"),
        (["backfill", "in.jsonl", "--engine", "cloud"], "cloud"),
        (["analyze", "in.jsonl", "--model", "no-such-folder", "--output", "kept.jsonl"], "invalid_artifact"),
        (["touchpoints", "--from", "monday"], "invalid_value"),
        (["touchpoints", "--from", "2026-10-02", "--to", "2026-10-01"], "invalid_value"),
        (["serve", "--host", "example.org"], "invalid_setting"),
        (["serve", "--port", "0"], "0"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments: list[str], message: str) -> None:
    jsonl("in.jsonl", ROWS)
    kept = Path(jsonl("kept.jsonl", ROWS)).read_bytes()
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert Path("kept.jsonl").read_bytes() == kept


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWELL_WORKERS", "many")
    result = run("touchpoints")
    assert result.exit_code == 2
    assert "LISTENWELL_WORKERS" in result.stderr
    monkeypatch.setenv("LISTENWELL_WORKERS", "1")
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", "sqlite:////no/such/folder/a.db")
    assert "database_unavailable" in run("touchpoints").stderr


def test_the_table_has_the_rates_of_the_page() -> None:
    rows = [
        {"id": str(n), "text": "Nobody fixed my bill." if n % 4 else "Thanks.", "touchpoint": "shop"}
        for n in range(20)
    ]
    assert run("backfill", jsonl("in.jsonl", rows)).exit_code == 0
    shown = most_frequent(json.loads(run("touchpoints", "--json").stdout)["total"], "issues")[0]
    low, high = (percent(end).removesuffix("%") for end in shown["ci95"])
    printed = run("touchpoints").stdout
    assert f"{percent(shown['rate'])} [{low}, {high}] Difficulty in resolving issues (tags)" in printed
    assert "shop (low base)" in printed


def test_the_shipped_example_goes_in_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    example = Path(models.__file__).parents[1] / "examples" / "feedback.csv"
    result = run("backfill", str(example))
    assert result.exit_code == 0, result.stderr
    assert " 0 failed" in result.stdout
    assert totals()["*"] >= 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["backfill", "in.jsonl", "--rejects", "in.jsonl"],
        ["backfill", "in.jsonl", "--errors", "./in.jsonl"],
        ["backfill", "in.jsonl", "--rejects", "link.jsonl"],
        ["backfill", "in.jsonl", "--errors", "new.jsonl", "--rejects", "new.jsonl"],
        ["analyze", "in.jsonl", "--output", "in.jsonl"],
        ["analyze", "in.jsonl", "--output", "file://{here}/in.jsonl"],
        ["analyze", "in.jsonl", "--output", "no/such/folder.jsonl"],
        ["backfill", "in.jsonl", "--rejects", "no/such/folder.jsonl"],
        ["backfill", "in.jsonl", "--errors", "."],
    ],
)
def test_an_output_that_cannot_be_is_refused_before_anything_is_read(arguments: list[str]) -> None:
    content = Path(jsonl("in.jsonl", ROWS)).read_bytes()
    Path("link.jsonl").symlink_to("in.jsonl")
    result = run(*(one.replace("{here}", str(Path.cwd())) for one in arguments))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{arguments[-2]} " in result.stderr
    assert "[unwritable_file]" in result.stderr
    assert Path("in.jsonl").read_bytes() == content
    assert "No jobs" in run("jobs", "list").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["analyze", "in.jsonl"],
        ["export", "comments", "--format", "csv", "--output", "-"],
        ["export", "metrics", "--format", "csv", "--output", "-"],
    ],
)
def test_a_full_disk_is_told_and_is_not_what_1_stands_for(arguments: list[str]) -> None:
    run("backfill", jsonl("in.jsonl", ROWS))
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "models.command", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 2
    assert b"[storage_full]" in done.stderr
    assert b"Traceback" not in done.stderr


def test_what_failed_in_an_earlier_run_is_not_left() -> None:
    given = ("--errors", "errors.jsonl", "--rejects", "rejects.jsonl")
    assert run("backfill", jsonl("in.jsonl", [{"id": "1", "text": 7}]), *given).exit_code == 1
    assert "" not in (Path("errors.jsonl").read_text(), Path("rejects.jsonl").read_text())
    assert run("backfill", jsonl("in.jsonl", ROWS), *given).exit_code == 0
    assert (Path("errors.jsonl").read_text(), Path("rejects.jsonl").read_text()) == ("", "")
    assert run("backfill", "in.jsonl", "--errors", "/dev/null", "--rejects", "/dev/null").exit_code == 0


def test_a_field_that_is_mapped_twice_is_told() -> None:
    result = run("backfill", jsonl("in.jsonl", ROWS), "--map", "id=a", "--map", "id=b")
    assert (result.exit_code, "id is given twice" in result.stderr) == (2, True)


def test_a_file_may_have_any_name() -> None:
    name = os.fsdecode(b"caf\xe9.jsonl")
    jsonl(name, [{"text": "fine"}])
    result = run("backfill", name, "--id-from-line")
    assert result.exit_code == 0, result.output
    assert "caf\\xe9.jsonl" in run("jobs", "list").stdout


def test_analyze_writes_what_came_before_the_cut() -> None:
    noise = Random(7)
    lines = [json.dumps({"id": f"r{i}", "text": f"fine {noise.random()}"}) + "\n" for i in range(100)]
    packed = gzip.compress("".join(lines).encode())
    Path("in.jsonl.gz").write_bytes(packed[: len(packed) - 300])
    result = run("analyze", "in.jsonl.gz", "--output", "out.jsonl")
    assert (result.exit_code, "truncated_file" in result.stderr) == (2, True)
    assert 64 < len(Path("out.jsonl").read_text(encoding="utf-8").splitlines()) < 100


def test_a_cancelled_backfill_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    path = jsonl("in.jsonl", [{"id": f"r{i}", "text": "fine"} for i in range(MORE)])
    take = Run._take

    def cancelled(work: Run, rows: list[object]) -> Any:
        if work.position:
            assert "cancelled" in run("jobs", "cancel", work.job.id).stdout
        return take(work, rows)

    monkeypatch.setattr(Run, "_take", cancelled)
    result = run("backfill", path)
    assert result.exit_code == 1
    assert f"{ALONE:,} created" in result.stdout
    assert "was cancelled" in result.stderr
    assert "run the same again" not in result.stderr


def test_ctrl_c_is_no_failure_of_items(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("service.commands.analyze.analyze.callback", stop)
    result = run("analyze", jsonl("in.jsonl", ROWS))
    assert (result.exit_code, result.stderr) == (130, "Stopped.\n")


def test_failed_rows_are_listed_where_the_file_breaks_off() -> None:
    Path("in.csv").write_text('id,text\n1,Nice,extra\n\n3,"open quote\n', "utf-8")
    result = run("backfill", "in.csv")
    assert result.exit_code == 2
    assert "row 1: line 2 has 3 cells" in result.stderr
    assert "line 4 cannot be read" in result.stderr


def test_a_parquet_file_of_labels_would_be_a_folder() -> None:
    result = run("labels", "export", "--output", "labels.parquet")
    assert (result.exit_code, "unknown_format" in result.stderr) == (2, True)
    assert not Path("labels.parquet").exists()
