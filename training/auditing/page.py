"""The audit's list as a page for people: self-contained, no script, every text escaped.

render(listed, comments=3_608)
"""

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:  # torch stands behind it
    from training.auditing.listing import Listing


def render(listed: "Listing", *, comments: int) -> str:
    """One page; `comments` is how many were audited."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    kinds = ("suspect", "duplicates", "contradiction", "annotator")
    by_kind = {kind: [one for one in listed.findings if one["kind"] == kind] for kind in kinds}
    return environment.get_template("page.html").render(
        **by_kind, not_judged=listed.not_judged, comments=comments
    )
