"""What we depend on: is its licence one we may use, and is a vulnerability known of it?

    python -m tests.audit        # or: make audit

Licences are read from what is installed, offline: of all that Listenwell needs, extras included. Vulnerabilities
are asked of OSV (osv.dev) by pip-audit. PyPI is not asked: where a mirror stands before it, pip-audit finds nothing
there and says that all is well. Exit status 1 for a licence that is not permissive and not an exception named
below, and for a known vulnerability; where OSV cannot be reached it says so, and only the licences count.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = frozenset(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 CC0-1.0 CNRI-Python HPND ISC "
    "LLVM-exception MIT MIT-0 MIT-CMU PSF-2.0 Python-2.0 Unlicense Zlib".split()
)
# Used as they are, unchanged: what their licences ask of changes does not come up.
EXCEPTIONS = {
    "certifi": {"MPL-2.0"},
    "hypothesis": {"MPL-2.0"},
    "orjson": {"Apache-2.0", "MIT", "MPL-2.0"},
    "pathspec": {"MPL-2.0"},
    "psycopg": {"LGPL-3.0-only"},
    "psycopg-binary": {"LGPL-3.0-only"},
    # Whoever uses it chooses one of the three: MPL-1.1.
    "pyphen": {"GPL-2.0-or-later", "LGPL-2.0-or-later", "MPL-1.1"},
    "tqdm": {"MIT", "MPL-2.0"},
}
# What is written where an SPDX expression should be.
_SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_AWAY = re.compile(r"ConnectionError|ConnectTimeout|ReadTimeout|Could not connect|Temporary failure")


def needed(name: str = "listenwell") -> Iterator[metadata.Distribution]:
    """What is installed of all that a distribution needs, with its extras, and of what these need in turn."""
    seen: set[tuple[str, str]] = set()
    told: set[str] = set()
    here = metadata.distribution(name)
    waiting = [
        (canonicalize_name(name), extra) for extra in ("", *(here.metadata.get_all("Provides-Extra") or ()))
    ]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        try:
            found = metadata.distribution(one[0])
        except metadata.PackageNotFoundError:
            continue
        if one[0] not in told and one[0] != name:
            told.add(one[0])
            yield found
        for requirement in map(Requirement, found.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": one[1]}):
                wanted = canonicalize_name(requirement.name)
                waiting += [(wanted, extra) for extra in ("", *requirement.extras)]


def licences(about: metadata.PackageMetadata) -> set[str]:
    """The SPDX ids that a distribution names, whether all hold or one may be chosen; what is no such id, as it is."""
    classifiers = [line.split(" :: ") for line in about.get_all("Classifier") or ()]
    classified = [parts[-1] for parts in classifiers if parts[0] == "License" and len(parts) > 2]
    plain = (about.get("License") or "").strip().splitlines()[:1]
    written = [about["License-Expression"]] if "License-Expression" in about else classified or plain
    spdx = " AND ".join(_SPDX.get(each, each) for each in written)
    return {part for part in re.split(r"\s+(?:AND|OR|WITH)\s+|[()]", spdx) if part}


def unfit() -> list[str]:
    """The distributions, each with its licences, that are neither permissive nor a named exception."""
    found = []
    for one in needed():
        name, named = canonicalize_name(one.name), licences(one.metadata)
        if not named or not (named <= PERMISSIVE or named == EXCEPTIONS.get(name)):
            found.append(f"{name} {one.version}: {', '.join(sorted(named)) or 'no licence named'}")
    return sorted(found)


@dataclass(frozen=True)
class Asked:
    """What OSV said: of how many distributions, and what of which. `why_not` where it could not be asked."""

    number: int = 0
    vulnerable: tuple[str, ...] = ()
    why_not: str | None = None


def ask(*options: str) -> Asked:
    """Ask of what is installed here, or as pip-audit's `options` say. Raises `RuntimeError` if pip-audit fails."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", "--format", "json"]
    command += ["--desc", "off", "--progress-spinner", "off", *(options or ("--skip-editable",))]
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout.startswith("{"):
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        if _AWAY.search(done.stderr):
            return Asked(why_not=lines[-1])
        raise RuntimeError(f"pip-audit failed: {lines[-1]}")
    answered = [one for one in json.loads(done.stdout)["dependencies"] if "skip_reason" not in one]
    vulnerable = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        for one in answered
        for hole in one["vulns"]
    ]
    return Asked(len(answered), tuple(vulnerable), None if answered else "nothing that it could be asked of")


def main() -> None:
    """Both, in words."""
    wrong = unfit()
    number = sum(1 for _ in needed())
    say(f"licences of {number} distributions: {len(wrong) or 'none'} that may not be used", *wrong)
    asked = ask()
    if asked.why_not:
        say(f"vulnerabilities: NOT ASKED, osv.dev gave no answer ({asked.why_not})")
    else:
        say(f"vulnerabilities of {asked.number}: {len(asked.vulnerable) or 'none'} known", *asked.vulnerable)
    sys.exit(1 if wrong or asked.vulnerable else 0)


def say(*lines: str) -> None:
    """Print, the first line as a title."""
    sys.stdout.write("\n  ".join(lines) + "\n")


if __name__ == "__main__":
    main()
