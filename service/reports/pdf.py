"""A report as PDF, by WeasyPrint (extra `report`), in a process of its own.

    as_pdf(html)  →  b"%PDF-…"
    python -m service.reports.pdf < journey.html > journey.pdf

Laying out a long report takes seconds and much memory: a server goes on answering beside it, and is rid of both.
"""

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path

import models

_ROOT = Path(__file__).parents[2]
_SECONDS = 300
_PATIENCE = 20
_one = threading.Lock()
_MISSING = 3
_HELP = "PDF needs the extra report: pip install -e '.[report]', and of Debian "
_HELP += "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


def as_pdf(html: str) -> bytes:
    """The pages of a document that asks for nothing.

    Raises `MissingExtraError` without WeasyPrint or what it stands on, `InputError` ("report_too_long") after five
    minutes, and ("report_busy") while another one is laid out: each takes a core, and all threads of a server would
    soon wait.
    """
    if importlib.util.find_spec("weasyprint") is None:
        raise models.MissingExtraError(_HELP)
    if not _one.acquire(timeout=_PATIENCE):
        raise models.InputError("another PDF is being laid out; ask again", code="report_busy")
    try:
        done = _laid_out(html)
    finally:
        _one.release()
    if done.returncode == _MISSING:
        raise models.MissingExtraError(_HELP)
    done.check_returncode()
    return done.stdout


def _laid_out(html: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "service.reports.pdf"]
    try:
        # From the tree, which is all that a bento has.
        return subprocess.run(
            command, input=html.encode("utf-8"), capture_output=True, timeout=_SECONDS, cwd=_ROOT
        )
    except subprocess.TimeoutExpired:
        detail = f"the report takes more than {_SECONDS} seconds to lay out; ask for one touchpoint"
        raise models.InputError(detail, code="report_too_long") from None


def main() -> int:
    """HTML from standard input to PDF on standard output."""
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except OSError:
        # Its libraries are no Python packages, so that pip does not bring them.
        return _MISSING
    html = sys.stdin.buffer.read().decode("utf-8")
    # No protocol at all: whatever the document held, nothing is fetched.
    sys.stdout.buffer.write(HTML(string=html, url_fetcher=URLFetcher(allowed_protocols=())).write_pdf())
    return 0


if __name__ == "__main__":
    sys.exit(main())
