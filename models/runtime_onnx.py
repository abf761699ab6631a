"""The pass on ONNX Runtime: int8 weights, no torch."""

from pathlib import Path

import numpy as np
import onnxruntime as ort

from models.errors import ArtifactError
from models.heads import Scores
from models.packing import Batch


class OnnxRuntime:
    """A `Runtime` on a model.onnx file. Raises `ArtifactError` if ONNX Runtime cannot open it."""

    def __init__(self, file: Path, *, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads take the cores from the web server between two passes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's own errors share no public base class
            raise ArtifactError(f"model {file.parent.name}: {file.name} cannot be opened: {error}") from error
        # An encoder without segments has no input of that name.
        self._inputs = [each.name for each in self._session.get_inputs()]

    def forward(self, batch: Batch) -> Scores:
        """See `Runtime.forward`."""
        feed = {name: getattr(batch, name) for name in self._inputs}
        (scores,) = self._session.run(["scores"], feed)
        return np.asarray(scores, dtype=np.float32)
