"""What the figures were measured on: processor, its instructions that matter, versions."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

_FLAGS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
)
_PACKAGES = (
    *("numpy", "onnxruntime", "openvino", "tokenizers", "torch", "transformers", "sentence-transformers"),
    *("setfit", "scikit-learn", "spacy", "bentoml", "fastapi", "uvicorn"),
)


def facts() -> dict[str, Any]:
    """As results.json has it. Packages of the rivals' own environments are not among the versions."""
    return {
        "processor": _processor(),
        "flags": [flag for flag in _FLAGS if flag in _cpuinfo("flags", "Features").split()],
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    name = _cpuinfo("model name") or platform.processor() or platform.machine()
    model = [_cpuinfo(field) for field in ("cpu family", "model\t")]
    return f"{name} (family {model[0]} model {model[1]})" if all(model) else name


def _cpuinfo(*fields: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(fields)), "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
