"""Who takes part: every contestant that reads comments, what is measured beside them, and the servers."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import get_args

from models.loading import Runtime
from service.settings import Settings
from tests.bench import servers, venvs
from tests.bench.process import ROOT, Absent, Entry, this_python
from tests.bench.servers import Server

_CODE = "tests.bench.contestants"
SERVED: str = Settings.model_fields["runtime"].default
"""The runtime that is served unless the settings say otherwise."""
BARE, PIPELINE = f"bare-{SERVED}", f"pipeline-{SERVED}"
SKY = {"gemm-float32": "NumpyFloat32", "gemm-int8": "OnnxInt8"}


def runtimes() -> list[str]:
    """Those that `models.load` knows, the served one first; torch is what models are trained on, not served."""
    return [SERVED, *(name for name in get_args(Runtime) if name not in ("torch", SERVED))]


class Entries:
    """Contestants and servers, with what has to be made for them under `build`. `make`: environments too."""

    def __init__(self, build: Path, *, make: bool) -> None:
        self._build = build
        self._make = make
        # Contestants are loaded side by side, but nothing is made twice.
        self._making = Lock()
        self._there: set[Path] = set()
        self.classifier = build / "classifier"
        self.default_int8 = build / "default-int8"

    def contestants(self) -> Iterator[tuple[Entry, Callable[[], Path]]]:
        """Each with what finds its interpreter, which may take an installation."""
        for runtime in runtimes():
            options = {"runtime": runtime}
            ours = f"{_CODE}.ours"
            yield (
                Entry(f"bare-{runtime}", f"bare encoder, {runtime}", f"{ours}:BareEncoder", options, "ours"),
                this_python,
            )
            yield (
                Entry(
                    f"pipeline-{runtime}", f"Listenwell, {runtime}", f"{ours}:WholePipeline", options, "ours"
                ),
                this_python,
            )
        yield self._same_pipeline_by_default(), lambda: self._made(self.default_int8)
        rivals = f"{_CODE}.rivals"
        folder = {"folder": str(self.classifier)}
        yield (
            Entry("transformers", "transformers pipeline", f"{rivals}:TransformersPipeline", folder),
            lambda: self._made(self.classifier),
        )
        yield (
            Entry(
                "sentence-transformers",
                "sentence-transformers + scikit-learn",
                f"{rivals}:SentenceTransformersHead",
            ),
            self._vectors,
        )
        yield Entry("setfit", "SetFit predict", f"{rivals}:SetFitPredict"), self._vectors
        yield (
            Entry("spacy", "spaCy textcat (a small network of its own)", f"{rivals}:SpacyTextcat"),
            this_python,
        )
        for name, kind in SKY.items():
            yield (
                Entry(name, f"matrix products, {name[5:]}", f"{_CODE}.gemm:{kind}", group="sky"),
                this_python,
            )

    def servers(self, folder: Path, threads: int) -> tuple[list[Server], dict[str, str]]:
        """The servers that can be started, and why the others cannot."""
        found, absent = [servers.ours(folder)], {}
        try:
            found.append(servers.litserve(self._python(venvs.LITSERVE), SERVED, threads))
        except Absent as reason:
            absent["LitServe"] = str(reason)
        try:
            python = self._python(venvs.INFINITY)
            self._made(self.classifier)
            found.append(servers.infinity(python.parents[1], self.classifier))
        except Absent as reason:
            absent["infinity"] = str(reason)
        return found, absent

    def _same_pipeline_by_default(self) -> Entry:
        options = {"runtime": "onnx", "model": str(self.default_int8)}
        title = "Listenwell on ONNX Runtime's default int8"
        return Entry("default-int8", title, f"{_CODE}.ours:WholePipeline", options, "ours")

    def _vectors(self) -> Path:
        return self._python(venvs.VECTORS)

    def _python(self, environment: venvs.Environment) -> Path:
        with self._making:
            return venvs.python_of(environment, self._build / "venvs", make=self._make)

    def _made(self, folder: Path) -> Path:
        """Have a folder of weights made by the module of its name; once a run, for the model may be another."""
        with self._making:
            if folder not in self._there:
                _make(folder)
            self._there.add(folder)
        return this_python()


def _make(folder: Path) -> None:
    command = [sys.executable, "-m", f"{_CODE}.{folder.name.replace('-', '_')}", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Absent(f"its weights cannot be made: {done.stderr.strip().splitlines()[-1]}")
