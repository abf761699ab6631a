"""A back-fill cut into parts, tagged by an analyst of this process, and stored: all but Ray itself."""

import json
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import models
from models.command import main
from service.cluster.analysed import Analysed
from service.cluster.analyst import MOST_TRIES, Analyst, ModelName
from service.cluster.cutting import cut, rows_of_a_part
from service.cluster.parts import Parts, Plan
from service.cluster.work import ClusterWork, Order
from service.commands.file_work import FileWork
from service.commands.tally import Tally
from service.database import read, write
from service.files import Source, open_source
from service.jobs import foreground, leases
from service.jobs import repository as jobs
from service.jobs.records import Job, LeaseLost, Options
from service.jobs.run import BATCH, Lease, Run
from service.remote import Folder
from service.settings import Settings
from service.tables import analysis, comment
from tests.recount import assert_exact

TEXTS = ("Agent was kind but nobody ever fixed my bill.", "Checkout was easy.", "n/a", "Слишком долго.", "")
ROWS: list[Any] = [
    {"id": f"r{i}", "text": TEXTS[i % 5], "question": "What was good?" if i % 3 else None} for i in range(200)
]
ROWS[70] = {"id": "r1", "text": "An id twice."}
ROWS[71] = {"id": "r71", "text": 5}
ROWS[150] = {"text": "No id."}
PART = 64
FAILED = {70, 71, 150}


@pytest.fixture
def settings(engine: sa.Engine, tmp_path: Path) -> Settings:
    url = engine.url.render_as_string(hide_password=False)
    return Settings(model="weightless", database_url=url, files=tmp_path / "files")


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return str(path)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(Folder.at(str(tmp_path / "parts")))


@pytest.fixture
def job(engine: sa.Engine, file: str) -> Job:
    """The file's back-fill, held by "us"."""
    with write(engine) as conn:
        made = jobs.create(conn, foreground.backfill_job(file, file, "default", Options()))
        assert leases.claim_one(conn, made.key, "us", 60)
        return jobs.by_key(conn, made.key)


def cut_up(engine: sa.Engine, job: Job, parts: Parts) -> Plan:
    return cut(engine, job, open_source(job.source), parts, PART, Lease(engine, job.key, "us", 60), None)


def tag_all(parts: Parts, plan: Plan) -> None:
    analyst = Analyst(parts, ModelName("weightless", "onnx", models.load("weightless").version), "run")
    assert not any(analyst({"part": plan.parts})["fault"])


def never(comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
    raise AssertionError(f"{len(comments)} were tagged here")


def stored(engine: sa.Engine) -> list[Any]:
    query = sa.select(comment.c.id, analysis.c.body).join(analysis).order_by(comment.c.id)
    with read(engine) as conn:
        assert_exact(conn)
        return [(id, body | {"analyzed_at": None}) for id, body in conn.execute(query)]


def test_the_parts_hold_what_is_to_be_tagged_and_nothing_else(
    engine: sa.Engine, job: Job, parts: Parts
) -> None:
    plan = cut_up(engine, job, parts)
    assert plan == parts.plan() == Plan(PART, 197, (0, 1, 2, 3))
    placed = [one for number in plan.parts for one in parts.comments(number)]
    # The second use of an id is told when the job runs, which sees all rows before it.
    assert [place for place, _ in placed] == [place for place in range(200) if place not in FAILED]
    assert placed[0] == (0, models.Comment(TEXTS[0], None, None, "r0"))


def test_both_engines_store_and_list_the_same(
    engine: sa.Engine, settings: Settings, job: Job, parts: Parts, pipeline: models.Pipeline
) -> None:
    plan = cut_up(engine, job, parts)
    tag_all(parts, plan)
    assert parts.done() == {0, 1, 2, 3}
    run = Run(engine, job, "us", never, settings, tag=Analysed(parts, plan).tag)
    assert run.work() == "done"
    on_cluster, tally = stored(engine), Tally(None, None)
    assert len(on_cluster) == 197
    # The same file by the local engine, for another tenant and so from the beginning.
    FileWork(engine, pipeline, settings).run(job.source, job.source, "other", Options(), tally)
    both = stored(engine)
    assert sorted(both, key=str) == sorted([*on_cluster, *on_cluster], key=str)
    with read(engine) as conn:
        assert [item.error() for item in jobs.errors(conn, job.key, 10)] == tally.listed


def test_what_is_stored_already_is_in_no_part(
    engine: sa.Engine, settings: Settings, job: Job, parts: Parts, pipeline: models.Pipeline
) -> None:
    FileWork(engine, pipeline, settings).run(
        job.source + "", job.source, "other", Options(), Tally(None, None)
    )
    assert cut_up(engine, job, parts).comments == 197  # another tenant's are not ours
    parts.clear()
    with write(engine) as conn:
        conn.execute(sa.update(comment).values(tenant="default"))
    assert cut_up(engine, job, parts) == Plan(PART, 0, ())


def test_a_comment_that_changed_since_is_tagged_anew(
    engine: sa.Engine, settings: Settings, job: Job, parts: Parts, pipeline: models.Pipeline
) -> None:
    plan = cut_up(engine, job, parts)
    tag_all(parts, plan)
    old = parts.comments(2)
    parts.write_analyses(2, old[5:], pipeline.analyze([one for _, one in old[5:]]))
    seen: list[models.Comment] = []

    def here(comments: Sequence[models.Comment], *, all_labels: bool = False) -> list[models.Analysis]:
        seen.extend(comments)
        return pipeline.analyze(comments)

    assert Run(engine, job, "us", here, settings, tag=Analysed(parts, plan).tag).work() == "done"
    assert seen == [one for _, one in old[:5]]
    assert len(stored(engine)) == 197


def test_a_command_killed_while_it_stores_needs_no_cluster_to_go_on(
    engine: sa.Engine, settings: Settings, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    version = models.load("weightless").version
    work = ClusterWork(Order(parts=str(tmp_path / "parts")), settings, version)
    parts = Parts(Folder.at(str(tmp_path / "parts")).under(f"{job.id}-{version}"))
    tag_all(parts, cut_up(engine, job, parts))
    stop = threading.Event()
    first = Run(engine, job, "us", never, settings, tag=work.analysed(*of(engine, job)), stop=stop)
    first.on_batch = lambda _: stop.set()
    assert first.work() == "queued"
    with write(engine) as conn:
        assert leases.claim_one(conn, job.key, "us", 60)
        job = jobs.by_key(conn, job.key)
    assert job.position == BATCH
    assert Run(engine, job, "us", never, settings, tag=work.analysed(*of(engine, job))).work() == "done"
    assert len(stored(engine)) == 197
    work.close(job)
    assert parts.folder.names() == {f"analyses-0000{number}.parquet" for number in range(4)}


def test_parts_of_jobs_that_have_ended_are_swept_away(
    engine: sa.Engine, settings: Settings, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    work = ClusterWork(Order(), settings, "lw-1")
    folder = Folder.at(str(settings.files)).under("parts")
    for name in ("0123abcd-lw-1", f"{job.id}-lw-0", f"{job.id}-lw-1"):
        folder.under(name).write("plan.json", b'{"rows": 64, "comments": 0, "parts": []}')
    work.analysed(*of(engine, job))
    assert folder.names() == {f"{job.id}-lw-0", f"{job.id}-lw-1"}
    work.close(job)
    assert folder.names() == {f"{job.id}-lw-0"}


def of(engine: sa.Engine, job: Job) -> tuple[sa.Engine, Job, Lease, Source, Callable[[int, int], None]]:
    return engine, job, Lease(engine, job.key, "us", 60), open_source(job.source), lambda *_: None


def test_a_cancelled_job_is_not_cut_to_its_end(engine: sa.Engine, job: Job, parts: Parts) -> None:
    lease = Lease(engine, job.key, "us", 60)
    lease.lost.set()
    with pytest.raises(LeaseLost):
        cut(engine, job, open_source(job.source), parts, PART, lease, None)
    assert parts.plan() is None


def test_a_part_that_ends_its_workers_is_given_up(parts: Parts) -> None:
    parts.write_comments(3, [(0, models.Comment("Fine."))])
    for _ in range(MOST_TRIES):
        parts.begin(3, "run")
    version = models.load("weightless").version
    model = ModelName("weightless", "onnx", version)
    assert Analyst(parts, model, "run")({"part": [3]})["fault"] == ["its worker died 5 times in a row"]
    assert not parts.done()
    # Whoever runs the command again has new tries.
    assert Analyst(parts, model, "later")({"part": [3]}) == {"part": [3], "comments": [1], "fault": [""]}


@pytest.mark.parametrize(
    ("name", "version", "fault"),
    [("weightless", "lw-other", "not lw-other: install the same"), ("/nowhere", "lw-other", "nowhere")],
)
def test_a_worker_without_the_model_says_so(parts: Parts, name: str, version: str, fault: str) -> None:
    answer = Analyst(parts, ModelName(name, "onnx", version), "run")({"part": [0]})
    assert fault in answer["fault"][0]


def test_a_worker_that_does_not_see_the_parts_says_so(parts: Parts) -> None:
    model = ModelName("weightless", "onnx", models.load("weightless").version)
    fault = Analyst(parts, model, "run")({"part": [7]})["fault"][0]
    assert "comments-00007.parquet: no such file" in fault


def test_a_damaged_part_is_named(parts: Parts) -> None:
    parts.folder.write("analyses-00001.parquet", b"PAR1, or so")
    with pytest.raises(models.InputError, match=r"analyses-00001\.parquet: is damaged; remove it"):
        parts.analyses(1)
    comments = [(place, models.Comment(f"Nobody fixed bill {place}.")) for place in range(20)]
    parts.write_comments(2, comments)
    whole = parts.folder.read("comments-00002.parquet")
    for place in range(4, len(whole), 7):
        parts.folder.write(
            "comments-00002.parquet", whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :]
        )
        with suppress(models.InputError):
            assert parts.comments(2) == comments
    parts.folder.write("plan.json", b"")
    with pytest.raises(models.InputError, match=r"plan\.json: is damaged"):
        parts.plan()


@pytest.mark.parametrize(("workers", "rows"), [(1, 64), (2, 64), (64, 64)])
def test_small_files_make_small_parts(file: str, workers: int, rows: int) -> None:
    assert rows_of_a_part(open_source(file), workers) == rows


def test_large_files_make_parts_of_some_seconds(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "x"}\n' * 5_000, encoding="utf-8")
    assert rows_of_a_part(open_source(str(path)), 4) == 256
    assert rows_of_a_part(open_source(str(path)), 1) == 1_024


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.jsonl", "--parallelism", "2"], "--parallelism goes with --engine ray"),
        (["in.jsonl", "--address", "auto"], "--address goes with --engine ray"),
        (["-", "--engine", "ray"], "--engine ray needs a file"),
        (["in.jsonl", "--engine", "ray", "--parts", "memory://x"], "is seen by no other process"),
        (["in.jsonl", "--engine", "ray", "--parts", "ftp://x"], "[unknown_scheme]"),
        (["in.jsonl", "--engine", "ray", "--parallelism", "0"], "--parallelism"),
        (["in.jsonl", "--engine", "ray"], "pip install -e '.[ray]' [missing_extra]"),
    ],
)
def test_wrong_use_of_the_engine(
    arguments: list[str], message: str, database_url: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.chdir(Path(file).parent)
    monkeypatch.setenv("LISTENWELL_MODEL", "weightless")
    monkeypatch.setenv("LISTENWELL_DATABASE_URL", database_url)
    done = CliRunner().invoke(main, ["backfill", *arguments])
    assert done.exit_code == 2
    assert message in done.stderr
