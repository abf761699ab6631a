"""The sky: what this processor's best matrix products reach on one thread, in operations a second.

float32 by numpy; int8 (bytes by bytes into 32 bits) by ONNX Runtime's MatMulInteger. The shapes are the encoder's own:
a batch of 1,024 tokens through the four kinds of its weights. No encoder is faster than this allows.
"""

from typing import Any

import numpy as np

ROWS = 1024
SHAPES = ((384, 384), (384, 1152), (384, 1536), (1536, 384))
_TIMES = 24


class _Gemm:
    """Products of each shape, `_TIMES` times over."""

    def prepare(self, texts: list[str]) -> None:
        """Comments do not matter here."""

    def work(self, prepared: None, answers: Any) -> float:
        """10^9 operations; a multiplication and an addition are two."""
        return _TIMES * sum(2 * ROWS * inner * outer for inner, outer in SHAPES) / 1e9

    def labels(self, answers: Any) -> list[list[str]]:
        """None."""
        return []


class NumpyFloat32(_Gemm):
    """numpy's own BLAS."""

    def __init__(self) -> None:
        dice = np.random.default_rng(0)
        self._pairs = [
            (dice.random((ROWS, inner), np.float32), dice.random((inner, outer), np.float32))
            for inner, outer in SHAPES
        ]

    def run(self, prepared: None) -> None:
        """The products."""
        for _ in range(_TIMES):
            for left, right in self._pairs:
                left @ right


class OnnxInt8(_Gemm):
    """ONNX Runtime's MatMulInteger, unsigned by signed bytes, weights packed beforehand."""

    def __init__(self) -> None:
        dice = np.random.default_rng(0)
        self._sessions = [_session(dice.integers(-127, 128, shape).astype(np.int8)) for shape in SHAPES]
        self._rows = [dice.integers(0, 256, (ROWS, inner)).astype(np.uint8) for inner, _ in SHAPES]
        self.run(None)

    def run(self, prepared: None) -> None:
        """The products."""
        for _ in range(_TIMES):
            for session, rows in zip(self._sessions, self._rows, strict=True):
                session.run(None, {"rows": rows})


def _session(weights: Any) -> Any:
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["rows", "weights"], ["product"])],
        "gemm",
        [helper.make_tensor_value_info("rows", TensorProto.UINT8, [ROWS, weights.shape[0]])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [ROWS, weights.shape[1]])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
