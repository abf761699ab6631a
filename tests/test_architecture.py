"""Which room may import which, what the language room must not know, and the list of its public names."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import models

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "models": set(),
    "evaluation": {"models"},
    "training": {"models", "evaluation"},
    "service": {"models"},
}
SERVING_ONLY = {"fastapi", "starlette", "bentoml", "uvicorn", "sqlalchemy", "alembic", "pydantic"}
HEAVY = {"torch", "transformers", "spacy", "sklearn", "bentoml"}


def imported(file: Path) -> set[str]:
    """Top-level packages that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_go_one_way(room: str) -> None:
    assert files(room)
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[room] - {room}
    wrong = {file.name: imported(file) & forbidden for file in files(room)}
    assert not {name: rooms for name, rooms in wrong.items() if rooms}


def test_the_language_room_knows_no_http_and_no_sql() -> None:
    assert not {
        file.name: imported(file) & SERVING_ONLY for file in files("models") if imported(file) & SERVING_ONLY
    }


def test_nothing_in_the_product_reads_or_writes_pickles() -> None:
    for room in MAY_IMPORT:
        for file in files(room):
            assert not imported(file) & {"pickle", "joblib", "dill", "shelve"}, file.name
            assert "torch.save" not in file.read_text(encoding="utf-8"), file.name


def test_public_names() -> None:
    assert models.__all__ == sorted(
        models.__all__, key=lambda name: (not name.isupper(), name == "load", name)
    )
    assert all(hasattr(models, name) for name in models.__all__)


def test_no_room_imports_another_in_a_circle() -> None:
    edges = {str(file.relative_to(ROOT)): local_imports(file) for room in MAY_IMPORT for file in files(room)}
    state: dict[str, int] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert state.get(name) != 1, " -> ".join((*path, name))
        if name in state or name not in edges:
            return
        state[name] = 1
        for other in edges[name]:
            visit(other, (*path, name))
        state[name] = 2

    for name in edges:
        visit(name, ())


def local_imports(file: Path) -> set[str]:
    """Files of ours that a file imports when it is imported itself."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    paths = {name.replace(".", "/") + ".py" for name in found if name.partition(".")[0] in MAY_IMPORT}
    return {path for path in paths if (ROOT / path).is_file() and path != str(file.relative_to(ROOT))}


@pytest.mark.parametrize("module", ["models", "models.command", "service.app"])
def test_what_serves_starts_without_the_heavy_packages(module: str) -> None:
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
