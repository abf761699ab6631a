"""The licences of what is installed are those we may use; what OSV says of a vulnerability is understood."""

import json
import threading
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import audit


def test_every_licence_is_permissive_or_a_named_exception() -> None:
    names = {one.name.lower() for one in audit.needed()}
    assert {"fastapi", "sqlalchemy", "psycopg", "opentelemetry-sdk", "h11"} <= names
    assert audit.unfit() == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"License-Expression": "MIT"}, {"MIT"}),
        ({"License-Expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}, {"MPL-2.0", "Apache-2.0", "MIT"}),
        ({"License-Expression": "Apache-2.0 WITH LLVM-exception"}, {"Apache-2.0", "LLVM-exception"}),
        ({"Classifier": "License :: OSI Approved :: BSD License", "License": "long text"}, {"BSD-3-Clause"}),
        ({"Classifier": "License :: OSI Approved", "License": "BSD"}, {"BSD-3-Clause"}),
        ({"License": "GPL v3\nwith more"}, {"GPL v3"}),
        ({"Classifier": "Programming Language :: Python"}, set()),
    ],
)
def test_a_licence_is_read_wherever_it_is_written(fields: dict[str, str], named: set[str]) -> None:
    about = Message()
    for name, value in fields.items():
        about[name] = value
    assert audit.licences(about) == named  # type: ignore[arg-type]


@pytest.fixture
def osv() -> Iterator[str]:
    """An OSV of our own that knows of a hole in click 8.1.7 alone."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["content-length"])))
            known = query["package"]["name"] == "click" and query["version"] == "8.1.7"
            fixed = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "8.1.8"}]}]
            affected = [{"package": query["package"], "ranges": fixed}]
            body = json.dumps(
                {"vulns": [{"id": "OSV-1", "details": "-", "affected": affected}]} if known else {}
            )
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def asked_of(folder: Path, url: str, *lines: str) -> Any:
    pytest.importorskip("pip_audit")
    file = folder / "requirements.txt"
    file.write_text("\n".join(lines))
    cache = ("--cache-dir", str(folder / "cache"))
    return audit.ask("--requirement", str(file), "--no-deps", "--disable-pip", "--osv-url", url, *cache)


def test_a_known_vulnerability_is_told(tmp_path: Path, osv: str) -> None:
    asked = asked_of(tmp_path, osv, "click==8.1.7", "h11==0.16.0")
    assert (asked.number, asked.why_not) == (2, None)
    assert asked.vulnerable == ("click 8.1.7: OSV-1, mended in 8.1.8",)


def test_none_known_is_not_the_same_as_not_asked(tmp_path: Path, osv: str) -> None:
    assert asked_of(tmp_path, osv, "h11==0.16.0") == audit.Asked(1)
    away = asked_of(tmp_path, "http://127.0.0.1:9/v1/query", "h11==0.16.0")
    assert (away.number, away.vulnerable) == (0, ())
    assert "refused" in away.why_not


def test_another_failure_of_the_tool_is_a_failure(tmp_path: Path, osv: str) -> None:
    with pytest.raises(RuntimeError, match="pip-audit failed"):
        asked_of(tmp_path, osv, "no requirement at all")
