"""How many operations a comment is, and so how many comments a second the matrix products alone would allow."""

from collections.abc import Sequence

from tokenizers import Tokenizer

import models
from models.loading import facts_of

_SIGNS = 3


def operations(texts: Sequence[str]) -> float:
    """10^9 operations a comment, on average, without padding: matrix products and attention.

    For T tokens, L layers, width H and inner width I: L (T (8 H² + 4 H I) + 4 T² H). Heads are a thousandth of that.
    """
    artifact = facts_of("default").artifact
    if artifact is None:
        raise models.ArtifactError("the default model has no encoder")
    config = artifact.config
    tokenizer = Tokenizer.from_file(str(artifact.path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    width, inner = config.hidden_size, config.intermediate_size
    found = 0.0
    for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        tokens = len(encoding.ids) + _SIGNS
        found += config.num_layers * (tokens * (8 * width**2 + 4 * width * inner) + 4 * tokens**2 * width)
    return found / len(texts) / 1e9
