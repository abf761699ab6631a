"""report.json and report.html of a comparison. The page is drawn from the JSON alone.

write(report, Path("report"))
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evaluation.report import MEASURES, write_both


def write(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write both into a folder, which is made; return their paths."""
    return write_both(report, render(report), folder)


def render(report: Mapping[str, Any]) -> str:
    """One self-contained page: no script, no address of another file."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(report=report, names=MEASURES)
