"""The papers do not lie: the tree lists every file, the settings are all there, the commands exist."""

import re
import tomllib
from pathlib import Path

from models.command import main
from service.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROOMS = ("models", "evaluation", "training", "service")
UNLISTED = {"__init__.py", "env.py"}


def listed() -> set[str]:
    """Paths in the tree of the README: a line with a folder, then indented lines with its files."""
    found, folder = set(), ""
    tree = README.split("## The house")[1].split("```")[1]
    for line in tree.splitlines():
        if match := re.match(r"(\S+/) ", line):
            folder = match[1]
        elif match := re.match(r"  (\S+)", line):
            found.add(folder + match[1])
    return found


def test_the_tree_lists_every_module_and_nothing_else() -> None:
    there = {
        str(file.relative_to(ROOT))
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
        if file.name not in UNLISTED and file.parent.name != "versions"
    }
    assert {path for path in listed() if path.endswith(".py")} == there
    assert all((ROOT / path).exists() for path in listed())


def test_every_setting_is_in_the_table() -> None:
    for name, field in Settings.model_fields.items():
        row = next((line for line in README.splitlines() if f"`{PREFIX}{name.upper()}`" in line), "")
        assert str(field.description) in row, name


def test_every_command_is_in_the_readme() -> None:
    import click

    for name in main.list_commands(click.Context(main)):
        assert f"listenwell {name}" in README, name


def test_every_make_target_of_the_papers_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    papers = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8") + (ROOT / ".ci/run").read_text()
    for target in set(re.findall(r"^make (\w+)", papers, re.M)):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_changelog_knows_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"[{version}]" in changelog or "[Unreleased]" in changelog
