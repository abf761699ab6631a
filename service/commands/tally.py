"""What became of the rows of a back-fill: counted, and the first failures listed."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any

import click

_LISTED = 20


class Tally:
    """What became of the rows."""

    def __init__(self, errors: IO[bytes] | None, rejects: IO[bytes] | None) -> None:
        self.outcomes = Counter({"created": 0, "replayed": 0, "replaced": 0, "failed": 0})
        self.listed: list[Mapping[str, Any]] = []
        self.rejects = rejects
        self._errors = errors

    def add(self, outcomes: list[str], errors: list[dict[str, Any]]) -> None:
        """Count one batch; the first failures are kept to be listed, all go to the file of errors."""
        self.outcomes.update(outcomes)
        self.outcomes["failed"] += len(errors)
        self.listed += errors[: _LISTED - len(self.listed)]
        if self._errors is not None:
            self._errors.writelines(json.dumps(error).encode("ascii") + b"\n" for error in errors)

    def line(self) -> str:
        """All counts in a line."""
        return ", ".join(f"{count:,} {outcome}" for outcome, count in self.outcomes.items())

    def print(self) -> None:
        """Counts to standard output, failures to standard error."""
        click.echo(self.line())
        self.print_failures()

    def print_failures(self) -> None:
        """The first of them, to standard error."""
        for error in self.listed:
            name = f" (id {error['id']})" if error["id"] else ""
            click.echo(f"row {error['index'] + 1:,}{name}: {error['detail']} [{error['code']}]", err=True)
        rest = self.outcomes["failed"] - len(self.listed)
        if rest:
            click.echo(f"and {rest:,} more; --errors FILE lists all", err=True)
        if any(error["code"] == "missing_field" and error["field"] == "id" for error in self.listed):
            click.echo("Rows without an id: --map id=COLUMN names one, --id-from-line makes them.", err=True)
