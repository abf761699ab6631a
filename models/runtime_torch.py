"""The pass on torch, on a GPU if there is one: LISTENWELL_RUNTIME=torch. Needs the training extra."""

import torch

from models.artifact import Artifact
from models.category_network import network_of
from models.heads import Scores
from models.packing import Batch
from models.weights import load_weights


class TorchRuntime:
    """A `Runtime` on weights.safetensors."""

    def __init__(self, artifact: Artifact, *, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = network_of(artifact.config, load_weights(artifact.path / "weights.safetensors"))
        self._network.to(self._device).eval()

    def forward(self, batch: Batch) -> Scores:
        """See `Runtime.forward`."""
        with torch.inference_mode():
            scores = self._network(*(torch.from_numpy(array).to(self._device) for array in batch.arrays))
        return scores.cpu().numpy()  # type: ignore[no-any-return]
