"""LitServe with the same pipeline and runtime as ours behind it, batching as it does.

    python -m tests.bench.litserve_app 3001 onnx

POST /predict {"comments": [{"text": "..."}]}; requests are gathered, at most 32 or for 5 ms.
"""

import sys
from typing import Any

import litserve

import models


class Reader(litserve.LitAPI):  # type: ignore[misc]
    """One process with the pipeline, as LitServe's users write it."""

    def __init__(self, runtime: str, threads: int) -> None:
        super().__init__(max_batch_size=32, batch_timeout=0.005)
        self._runtime = runtime
        self._threads = threads

    def setup(self, device: str) -> None:
        """Load the model, once a worker."""
        self._pipeline = models.load(runtime=self._runtime, threads=self._threads)  # type: ignore[arg-type]

    def decode_request(self, request: dict[str, Any]) -> list[models.Comment]:
        """The comments of one request."""
        return [models.Comment(one["text"]) for one in request["comments"]]

    def batch(self, inputs: list[list[models.Comment]]) -> list[list[models.Comment]]:
        """Requests stay apart until they are read."""
        return inputs

    def predict(self, asked: list[list[models.Comment]]) -> list[list[dict[str, Any]]]:
        """All comments of all requests in one call."""
        analyses = iter(self._pipeline.analyze([comment for one in asked for comment in one]))
        return [[next(analyses).to_dict() for _ in one] for one in asked]

    def unbatch(self, output: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
        """They are apart already."""
        return output

    def encode_response(self, output: list[dict[str, Any]]) -> dict[str, Any]:
        """As ours answers."""
        return {"results": output}


def main() -> None:
    """See the module."""
    port, runtime, threads = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    server = litserve.LitServer(Reader(runtime, threads), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
