"""The model in force and people's corrections, as a run takes them. The service's room is found by its entry point.

with from_production("default") as (start, corrections, audited):
    ...                                                # the files are gone afterwards: they hold comments
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

GROUP = "listenwell.production"


@contextmanager
def from_production(tenant: str) -> Iterator[tuple[Path, Path, Path]]:
    """The folder of the model in force, and while the block runs a labelled file of corrections and one of the comments
    that were drawn for the audit, from which nothing is to be learnt.

    Raises `InputError` "nothing_to_train" where there is none, and what opening the store raises.
    """
    (entry,) = entry_points(group=GROUP)
    with tempfile.TemporaryDirectory() as name:
        file, audited = Path(name) / "corrections.jsonl", Path(name) / "audited.jsonl"
        yield entry.load()(tenant, file, audited), file, audited
