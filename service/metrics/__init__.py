"""What a touchpoint's numbers are: a registry of metrics, and the contract's object made of them."""

from service.metrics.registry import METRICS, Metric
from service.metrics.sums import Rules, Sums
from service.metrics.touchpoints import overview, touchpoint_metrics
from service.rollup_repository import Grain

__all__ = ["METRICS", "Grain", "Metric", "Rules", "Sums", "overview", "touchpoint_metrics"]
