"""Environments of rivals that are not installed, or do not get on with what is: build/bench/venvs/NAME.

torch is lent from the environment that runs the bench, so that no other build of it is fetched and all of them compute
with the same one. Where installing fails, the rival is absent and says why.
"""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tests.bench.process import Absent


@dataclass(frozen=True)
class Environment:
    """What a rival needs. `apart`: nothing of ours but torch is seen from within; else all of it is, underneath."""

    name: str
    packages: tuple[str, ...]
    module: str
    apart: bool = False


# infinity wants an older transformers, numpy and click than the rest does.
INFINITY = Environment("infinity", ("infinity-emb[server,torch]==0.0.78",), "infinity_emb", apart=True)
LITSERVE = Environment("litserve", ("litserve==0.2.19",), "litserve")
VECTORS = Environment("vectors", ("sentence-transformers>=5,<7", "setfit>=1.2,<2"), "setfit")


def python_of(environment: Environment, folder: Path, *, make: bool) -> Path:
    """The interpreter that has it: this one if it can, else that of its own environment, made if allowed.

    Raises `Absent` where it is in neither.
    """
    if not environment.apart and find_spec(environment.module):
        return Path(sys.executable)
    place = folder / environment.name
    python = place / "bin" / "python"
    done = place / "installed.txt"
    wanted = "\n".join(environment.packages)
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return python
    if not make:
        raise Absent(f"{environment.module} is not installed; --rivals all makes an environment for it")
    _make(environment, place)
    done.write_text(wanted, encoding="utf-8")
    return python


def _make(environment: Environment, place: Path) -> None:
    _run([sys.executable, "-m", "venv", "--clear", str(place)])
    here = _site_packages()
    lent = (
        [_torch_alone(here, place)]
        if environment.apart
        else [place_ for place_ in map(Path, sys.path) if place_.name == "site-packages"]
    )
    (site,) = place.glob("lib/python*/site-packages")
    (site / "lent.pth").write_text("".join(f"{path}\n" for path in lent), encoding="utf-8")
    pinned = f"torch=={version('torch')}"
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, *environment.packages, pinned])


def _site_packages() -> Path:
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise Absent("torch is not installed: pip install -e '.[train]'")
    return Path(spec.origin).parents[1]


def _torch_alone(site: Path, place: Path) -> Path:
    """A folder with links to torch's packages and nothing else of an environment."""
    folder = place / "torch"
    folder.mkdir()
    for pattern in ("torch", "torchgen", "functorch", "torch-*.dist-info", "torch.libs"):
        for found in site.glob(pattern):
            (folder / found.name).symlink_to(found)
    return folder


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Absent(f"it cannot be installed: {lines[-1] if lines else 'no reason given'}")
