"""What `/heatmap` shows: for every touchpoint and label the estimated rate, its interval, and what it rests on."""

from collections.abc import Mapping, Sequence
from typing import Any

from models import Taxonomy
from models.taxonomy import Kind
from service.charts import shade
from service.corrections.in_force import GROUP_OF
from service.highlight import label_name
from service.metrics.sums import Rules
from service.views.showing import METHODS, alarms, evidence_address, place_name, rate_shown, story_address

ROWS = 50
"""Touchpoints on one page: with more the page would be heavy, and nobody reads further."""


def heatmap_view(
    places: Sequence[Mapping[str, Any]],
    total: Mapping[str, Any],
    kind: Kind,
    rules: Rules,
    taxonomy: Taxonomy,
    kept: Mapping[str, str],
) -> dict[str, Any]:
    """Rows in the order given, columns from the most to the least frequent over all comments."""
    key = GROUP_OF[kind]
    order = [one["id"] for one in sorted(total[key], key=lambda one: -one["observed"]["count"])]
    rates = {m["touchpoint"]: _in_order(m, key, order) for m in (total, *places)}
    shown = [one["rate"] for of in rates.values() for one in of if one["rate"] is not None and not one["low"]]
    strongest = max(shown, default=0.0)
    words = {one["word"] for of in rates.values() for one in of if one["rate"] is not None}
    return {
        "kind": kind,
        "columns": [label_name(id, taxonomy) for id in order],
        "rows": [
            {
                "name": place_name(m["touchpoint"], taxonomy),
                "link": story_address(m["touchpoint"], **kept),
                "m": m,
                "cells": [
                    one
                    | {
                        "shade": shade(one["rate"], strongest),
                        "link": evidence_address(m["touchpoint"], **{kind: one["id"]}, **kept),
                    }
                    for one in rates[m["touchpoint"]]
                ],
            }
            for m in (total, *places)
        ],
        "strongest": strongest,
        "methods": [(word, method) for word, method in METHODS.values() if word in words],
        "alarms": [
            (place_name(place, taxonomy), label_name(one["id"], taxonomy), one)
            for place, one in alarms(rates)
        ],
        "rules": rules,
    }


def _in_order(metrics: Mapping[str, Any], key: str, order: Sequence[str]) -> list[dict[str, Any]]:
    by_id = {one["id"]: rate_shown(one, metrics) for one in metrics[key]}
    return [by_id[id] for id in order]
