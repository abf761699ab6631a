"""Under BentoML in one process: the application, and nothing of BentoML's own, answers."""

import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from starlette.testclient import TestClient

import models

# Both are BentoML's own: what it asks of pathspec and of Pydantic, when it is imported.
pytestmark = [
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The `__get_pydantic_core_schema__` method:DeprecationWarning"),
]

ROOT = Path(models.__file__).parents[1]
TEXTS = [
    "Agent was kind but nobody ever fixed my bill.",
    "",
    "The app crashes.",
    "👍",
    "Checkout was easy " * 40,
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_DO_NOT_TRACK", "True")
        patch.setenv("LISTENWELL_MODEL", "weightless")
        patch.setenv("LISTENWELL_DATABASE_URL", f"sqlite:///{tmp_path_factory.mktemp('bento') / 'a.db'}")
        sys.modules.pop("service.bento", None)
        module = importlib.import_module("service.bento")
        with TestClient(module.Listenwell.to_asgi(), raise_server_exceptions=False) as client:
            yield client
        sys.modules.pop("service.bento", None)


@pytest.mark.parametrize("all_labels", [False, True])
def test_answers_are_the_pipelines(served: TestClient, pipeline: models.Pipeline, all_labels: bool) -> None:
    texts = TEXTS * 20  # more than one batch
    comments = [models.Comment(text, "What could we improve?", id=str(i)) for i, text in enumerate(texts)]
    body = {"comments": [{"id": c.id, "text": c.text, "question": c.question} for c in comments]}
    query = {"include": "all_labels"} if all_labels else {}
    answer = served.post("/v1/analyze", json=body, params=query).json()
    expected = [one.to_dict() for one in pipeline.analyze(comments, all_labels=all_labels)]
    assert [_undated(one) for one in answer["results"]] == [_undated(_listed(one)) for one in expected]


def test_the_application_answers_for_every_path(served: TestClient) -> None:
    assert served.get("/").status_code == 200
    assert served.get("/nothing").headers["content-type"] == "application/problem+json"
    assert served.put("/v1/analyze").status_code == 405
    assert served.get("/readyz").status_code == 200
    assert served.post("/encode", json={"requests": []}).status_code == 404
    assert "listenwell_http_requests_total" in served.get("/metrics").text


def test_comments_are_stored(served: TestClient) -> None:
    (result,) = served.post("/v1/comments", json={"comments": [{"id": "a", "text": TEXTS[0]}]}).json()[
        "results"
    ]
    assert result["outcome"] == "created"
    assert served.get("/v1/comments/a").json()["analysis"]["issues"]


def test_the_bento_needs_what_the_project_needs() -> None:
    bento = yaml.safe_load((ROOT / "bentofile.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = project["dependencies"] + extras["postgresql"] + extras["tracing"]
    assert sorted(bento["python"]["packages"]) == sorted(needed)
    assert {"name": "BENTOML_DO_NOT_TRACK", "value": "True"} in bento["envs"]


def _listed(value: Any) -> Any:
    """With lists for tuples, as JSON has them."""
    if isinstance(value, dict):
        return {name: _listed(part) for name, part in value.items()}
    return [_listed(part) for part in value] if isinstance(value, list | tuple) else value


def _undated(analysis: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in analysis.items() if name != "analyzed_at"}
