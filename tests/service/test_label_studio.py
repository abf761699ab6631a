"""What people do in Label Studio to tasks of ours, and what an import makes of it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from service import repository
from service.database import read
from tests.labels_in_store import in_force, run, say

Results = list[dict[str, Any]]


@pytest.fixture
def task(corrected: Engine, tmp_path: Path) -> dict[str, Any]:
    """That of "b", in which the model found both its labels and a person agreed to one."""
    say(corrected, "b", {"effort": 1})
    run("export", "--output", tmp_path / "l.json")
    found: dict[str, Any] = json.loads((tmp_path / "l.json").read_text())[1]
    return found


def results(task: dict[str, Any]) -> Results:
    found: Results = task["annotations"][0]["result"]
    return found


def bring(tmp_path: Path, *tasks: dict[str, Any]) -> Any:
    (tmp_path / "m.json").write_text(json.dumps(tasks))
    return run("import", tmp_path / "m.json", "--actor", "ben")


def test_a_task_that_was_changed_in_label_studio(corrected: Engine, tmp_path: Path) -> None:
    """With the offsets of a browser, which counts UTF-16 code units, and a label that nobody had spoken of."""
    file = tmp_path / "l.json"
    run("export", "--output", file)
    assert '<Choice value="caring_treatment"/>' in (tmp_path / "l.xml").read_text()
    _, task = json.loads(file.read_text())
    value = {"start": 3, "end": 7, "text": "Café", "labels": ["helpful_support"]}
    changed = [one for one in task["annotations"][0]["result"] if one["id"] not in ("e0", "e1", "labels")]
    task["annotations"][0]["result"] = [
        {"from_name": "evidence", "to_name": "text", "type": "labels", "value": value},
        {
            "from_name": "labels",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": ["helpful_support"]},
        },
        *changed,
    ]
    unread = {"data": task["data"], "annotations": []}
    file.write_text(json.dumps([task, unread, {"data": {}}]))
    done = run("import", file, "--actor", "ben")
    assert (done.exit_code, "1 taken" in done.stdout, "1 failed" in done.stdout) == (1, True, True)
    assert in_force(corrected)["b"][0] == {"helpful_support": "person"}
    with read(corrected) as conn:
        stored = repository.get(conn, "default", "b")
    assert stored is not None
    assert stored.labels["strengths"][0]["evidence"] == [{"start": 2, "end": 6, "text": "Café"}]


def test_what_is_cleared_is_not_expressed(corrected: Engine, task: dict[str, Any], tmp_path: Path) -> None:
    assert in_force(corrected)["b"][1]["effort"] == {"score": 1.0, "by": "person"}
    results(task)[:] = [one for one in results(task) if one["from_name"] != "effort"]
    assert bring(tmp_path, task).exit_code == 0
    assert in_force(corrected)["b"][1]["effort"] is None


@pytest.mark.parametrize(
    ("control", "problem"),
    [("labels", "is highlighted but not ticked"), ("evidence", "is ticked but not highlighted")],
)
def test_tick_and_highlight_go_together(
    task: dict[str, Any], tmp_path: Path, control: str, problem: str
) -> None:
    for one in results(task):
        if one["from_name"] == control:
            kind = "choices" if control == "labels" else "labels"
            one["value"][kind] = [id for id in one["value"][kind] if id != "poor_communication"]
    error = json.loads(bring(tmp_path, task).stderr)
    assert (error["code"], error["detail"]) == (
        "contradictory_labels",
        f"labels: poor_communication {problem}",
    )


def test_a_label_may_be_ticked_without_words(corrected: Engine, task: dict[str, Any], tmp_path: Path) -> None:
    (ticks,) = (one for one in results(task) if one["from_name"] == "labels")
    ticks["value"]["choices"].append("helpful_support")
    assert bring(tmp_path, task).exit_code == 0
    assert in_force(corrected)["b"][0]["helpful_support"] == "person"


def test_relations_between_highlights_are_passed_over(task: dict[str, Any], tmp_path: Path) -> None:
    results(task).append({"from_id": "e0", "to_id": "e1", "type": "relation", "direction": "right"})
    assert bring(tmp_path, task).exit_code == 0


def test_of_several_annotations_the_newest_is_read(
    corrected: Engine, task: dict[str, Any], tmp_path: Path
) -> None:
    newest, older = task["annotations"][0], copy.deepcopy(task["annotations"][0])
    newest["updated_at"], older["updated_at"] = "2026-11-20T09:00:01.5Z", "2026-11-20T09:00:00.000000Z"
    for one in newest["result"]:
        if one["from_name"] == "intent":
            one["value"]["choices"] = ["question"]
    cancelled = {"result": [], "was_cancelled": True}
    done = bring(tmp_path, task | {"annotations": [newest, older, cancelled]})
    assert done.stdout == "1 taken, 0 known already, 0 failed, 1 older annotations left out\n"
    assert in_force(corrected)["b"][1]["intent"]["label"] == "question"
    older.pop("updated_at")
    error = json.loads(bring(tmp_path, task | {"annotations": [newest, older]}).stderr)
    assert (error["code"], error["field"]) == ("invalid_value", "annotations")
