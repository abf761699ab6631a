"""OpenVINO, without the reports that importing it would send to Google Analytics.

    from models.openvino_alone import ov

It sends them where `openvino-telemetry` can be imported, which comes with it, and asks nobody.
"""

import sys

# Python's own way to say that a module is not to be found; OpenVINO then goes on without.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402

__all__ = ["ov"]
