"""The pass on OpenVINO: the same int8 file as ONNX Runtime's, with the products in the processor's own int8."""

import os
import queue
from pathlib import Path

import numpy as np

from models.compiled import compiled
from models.errors import ArtifactError
from models.heads import Scores
from models.openvino_alone import ov
from models.packing import Batch

_NAMES = ("ids", "segments", "positions", "windows", "pooling")


class OpenVinoRuntime:
    """A `Runtime` on a model.onnx file. Raises `ArtifactError` if OpenVINO cannot open it.

    Calls from several threads run side by side, as many as have `threads` cores of their own. `kept` is a folder for
    what the file is compiled to, so that the next one starts sooner.
    """

    def __init__(self, file: Path, *, threads: int = 1, kept: Path | None = None) -> None:
        # Of the parts that it compiles for a shape, some hundreds of kilobytes each; oneDNN would keep 1,024.
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "256")
        core = ov.Core()
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # What is not int8 stays float32: bfloat16 is no faster here and reads differently on other processors.
            "INFERENCE_PRECISION_HINT": "f32",
            # What is made ready for a shape is some megabytes; without a bound they would all be kept.
            "CPU_RUNTIME_CACHE_CAPACITY": 32,
            # Which cores are free is the system's business.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            self._model = compiled(core, file, settings, kept)
        except RuntimeError as error:
            raise ArtifactError(f"model {file.parent.name}: {file.name} cannot be opened: {error}") from error
        # An encoder without segments has no input of that name.
        self._inputs = [next(name for name in _NAMES if name in port.names) for port in self._model.inputs]
        # A request is one thread's at a time; they are made as threads come and kept for the next.
        self._idle: queue.LifoQueue[ov.InferRequest] = queue.LifoQueue()

    def forward(self, batch: Batch) -> Scores:
        """See `Runtime.forward`."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._model.create_infer_request()
        try:
            answer = request.infer([getattr(batch, name) for name in self._inputs], share_inputs=True)
            # The array belongs to the request, which the next thread may take.
            return np.array(answer[0], dtype=np.float32)
        finally:
            self._idle.put(request)
