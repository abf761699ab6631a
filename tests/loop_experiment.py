"""From corrections to a better model, through the product as its users have it: what do 200 corrections gain?

    python -m tests.loop_experiment build/loop            # some 25 minutes on two cores; cut, it goes on where it was
    python -m tests.loop_experiment build/loop --quick    # the same turn with models that are worth nothing

A model learns from `feedback/train.jsonl` without one industry and is promoted. Comments of that industry are sent to
the server; a person who says what the file's annotators said corrects 200 of them over HTTP. Three tenants differ in
which: `mixed` half at random and half from the review queue, `queue` all from the queue, `random` none. For each
`listenwell train --from production` goes on from the model in force with the old data; `again` goes on without any
correction, which tells what longer training alone gains. Then `models compare` and
`promote`, and the server, which was not restarted, answers with the new model. Measured are held-out comments of that
industry, of the others, and `dev.jsonl`. Nothing but the choice differs between tenants; there is one seed, and the
intervals are over comments.
"""

import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tests.loop_data import Line, Parts, part
from tests.loop_figures import figures, show
from tests.loop_product import House, Tenant

INDUSTRY = "health"
PERSON = "anna"


@dataclass(frozen=True)
class Size:
    """How much of everything. `kept` comments of each part, 0 for all; run files as TOML."""

    corrections: int
    kept: int
    first: str
    next: str
    arms: tuple[str, ...]


# The defaults of `listenwell train`, as a user would have them.
_FULL = "[data]\nunlabelled = 0\n"
_QUICK = "[data]\nlimit = 120\nunlabelled = 0\n\n[loop]\nepochs = 1\npatience = 0\nhalf_precision = false\n"
FULL = Size(200, 0, _FULL, _FULL, ("mixed", "queue", "random"))
QUICK = Size(20, 60, _QUICK, _QUICK, ("mixed",))


class Turn:
    """One whole turn of the loop in a folder; what was done is not done again."""

    def __init__(self, folder: Path, size: Size) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.size, self.house = folder, size, House(folder)
        self.parts: Parts = part(folder, industry=INDUSTRY, size=size.kept)
        self._diary = folder / "diary.json"
        known = json.loads(self._diary.read_text()) if self._diary.exists() else {}
        self.done: list[str] = known.get("done", [])
        self.seconds: dict[str, float] = known.get("seconds", {})
        self.keys: dict[str, str] = known.get("keys", {})

    def once(self, name: str, work: Callable[[], object]) -> None:
        """Do it unless it was done, and note how long it took, with the times before it was cut."""
        if name in self.done:
            return
        started, before = time.monotonic(), self.seconds.get(name, 0.0)
        try:
            work()
            self.done.append(name)
        finally:
            self.seconds[name] = before + time.monotonic() - started
            self._note()
        click.echo(f"{name}: {self.seconds[name]:.0f} s")

    def train(self, name: str, settings: str, *more: str | Path) -> None:
        """`listenwell train` into the folder of that name, and the last lines of what it said."""
        config = self.folder / f"{name}.toml"
        config.write_text(settings, encoding="utf-8")
        said = self.house.command(
            *("train", "--data", self.parts.base, "--config", config, *more, "--output", self.folder / name)
        )
        click.echo("\n".join(said.strip().splitlines()[-3:]))

    def correct(self, tenant: Tenant, arm: str) -> None:
        """Correct as many comments as are wanted; those that were corrected before count."""
        wanted, lines = self.size.corrections, {line["id"]: line for line in self.parts.pool}
        at_random = {"mixed": wanted // 2, "random": wanted, "queue": 0}[arm]
        tenant.store(self.parts.pool)
        done = dict.fromkeys(tenant.corrected())
        for line in self.parts.pool[:at_random]:
            self._correct(tenant, line, done)
        while len(done) < wanted:
            found = [id for id in tenant.uncertain(PERSON) if id not in done][: wanted - len(done)]
            assert found, f"the queue is empty after {len(done)} corrections"
            for id in found:
                self._correct(tenant, lines[id], done)
        click.echo(f"{arm}: {len(done)} comments corrected, {at_random} of them drawn at random")

    def key(self, arm: str) -> str:
        """A key of that tenant, made once."""
        if arm not in self.keys:
            made = self.house.command("keys", "create", "--name", arm, "--scope", "write", "--tenant", arm)
            self.keys[arm] = next(word for word in made.split() if word.startswith("lw_"))
            self._note()
        return self.keys[arm]

    def _correct(self, tenant: Tenant, line: Line, done: dict[str, None]) -> None:
        if line["id"] not in done:
            tenant.correct(line, PERSON)
            done[line["id"]] = None

    def _note(self) -> None:
        text = json.dumps({"done": self.done, "seconds": self.seconds, "keys": self.keys})
        self._diary.write_text(text, encoding="utf-8")


def turn(folder: Path, size: Size) -> dict[str, Any]:
    """All of it, in order; the figures."""
    one = Turn(folder, size)
    one.once("first", lambda: one.train("first", size.first))
    promote = ("models", "promote", folder / "first", "--override", "the first model of this house")
    one.once("promote", lambda: one.house.command(*promote))
    keys = {arm: one.key(arm) for arm in size.arms}
    with one.house.serving() as url:
        tenants = {arm: Tenant(url, key) for arm, key in keys.items()}
        for arm in size.arms:
            one.once(f"correct {arm}", lambda arm=arm: one.correct(tenants[arm], arm))
    for arm in size.arms:
        production = ("--from", "production", "--tenant", arm)
        one.once(f"retrain {arm}", lambda arm=arm, more=production: one.train(arm, size.next, *more))
    one.once("again", lambda: one.train("again", size.next, "--start", folder / "first"))
    files = {"there": one.parts.there, "elsewhere": one.parts.elsewhere, "new": one.parts.new}
    found = figures({name: folder / name for name in ("first", "again", *size.arms)}, files)
    (folder / "figures.json").write_text(json.dumps({"seconds": one.seconds, **found}, indent=1))
    show(found, one.seconds)
    one.once("promote next", lambda: _promote(one))
    return found


def _promote(one: Turn) -> None:
    """Labels out, a comparison, and the next model in force under a server that goes on running."""
    exported, report = one.folder / "labels.jsonl", one.folder / "report"
    click.echo(one.house.command("labels", "export", "--tenant", "mixed", "--output", exported).strip())
    first, following = one.folder / "first", one.folder / "mixed"
    compared = one.house.command(
        *("models", "compare", first, following, "--data", one.parts.there, "--output", report)
    )
    click.echo(compared[compared.index("The gate") :].strip())
    with one.house.serving() as url:
        tenant = Tenant(url, one.keys["mixed"])
        before = tenant.version()
        promote = ("models", "promote", following, "--report", report / "report.json")
        said = one.house.command(*promote, may_fail=True)
        if "is in force" not in said:
            click.echo(said.strip())
            said = one.house.command(*promote, "--override", "the experiment goes on whatever the gate says")
        click.echo(said.strip())
        deadline = time.monotonic() + 60
        while (after := tenant.version()) == before and time.monotonic() < deadline:
            time.sleep(0.5)
        assert after != before, "the server did not take up the new model"
        click.echo(f"{before} answered before, {after} answers now")


@click.command(help=__doc__.splitlines()[0] if __doc__ else None)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--quick", is_flag=True, help="Models that are worth nothing, in minutes.")
def main(folder: Path, quick: bool) -> None:
    """Run it."""
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(1)
    )  # so that what runs below ends too, and its time is noted
    turn(folder.resolve(), QUICK if quick else FULL)


if __name__ == "__main__":
    main()
