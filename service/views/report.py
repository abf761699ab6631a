"""What only the report says: the few sentences at its beginning, and how much could be read. Pure functions."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from service.corrections.in_force import GROUPS
from service.views.showing import METHODS, rate_shown, weighed


def in_short(view: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader in a hurry takes along; a low base is no low or high point."""
    stops = [one for one in view["stops"] if not one["m"]["low_base"] and one["m"]["sentiment"]["net_ci95"]]
    stops.sort(key=lambda one: one["m"]["sentiment"]["net"])
    apart = len(stops) > 1
    total = view["total"]
    return {
        "lowest": stops[0] if apart else None,
        "highest": stops[-1] if apart else None,
        "tops": [(kind, top) for kind, top in total["top"].items() if top],
        **weighed(view["changes"]),
    }


def reading(total: Mapping[str, Any]) -> dict[str, Any]:
    """How many comments could be read, by which models, and what the rates of labels rest on."""
    n, analyzed, empty = total["n"], total["analyzed"], total["no_content"]
    rates = [rate_shown(one, total) for group in GROUPS for one in total[group]]
    words = Counter(one["word"] for one in rates if one["rate"] is not None)
    parts = (("words", analyzed - empty), ("empty", empty), ("unread", total["not_analyzed"]))
    return {
        "n": n,
        "parts": [(name, count, count / n if n else 0.0) for name, count in parts],
        "models": sorted(total["model_versions"].items(), key=lambda one: -one[1]),
        "bases": [(word, method, words[word]) for word, method in METHODS.values() if words[word]],
        "labels": sum(words.values()),
        "audited": max((one["audited"] for one in rates), default=0),
    }
