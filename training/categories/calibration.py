"""Logits of categories to probabilities and thresholds, for each stage.

described   a fixed scale, measured once on comments of our own writing
examples    from cross-fitted logits: each comment's by directions that were fitted without it
tuned       from held-out comments, read by the runtime that serves

A category that these comments do not show keeps the fixed scale: what is fitted on comments without it says only
that it is rare, and on comments with it that it is common.
"""

import numpy as np

from models.heads import Calibration, Layout, Scores
from models.taxonomy import Taxonomy
from training.calibrate import choose_thresholds, doubt_of, error_counts, platt_scaling, temperature_scaling
from training.categories.directions import Targets, shown

# p = sigmoid(slope * logit + intercept), the threshold at logit 0, fitted on our corpus with our ten themes as
# categories and again with our ten touchpoints.
SLOPE, INTERCEPT = 0.73, -1.12
# Cosines times 10, divided by this, are times 20: the scale with which the encoder was trained to tell texts apart.
TEMPERATURE = 0.5
_AT = round(float(1 / (1 + np.exp(-INTERCEPT))), 4)

Found = tuple[Calibration, dict[str, float]]


def fixed(tax: Taxonomy, ordinary: Scores) -> Found:
    """Where nothing was labelled; `ordinary` are logits of ordinary feedback, shape (comments, categories)."""
    if tax.exclusive:
        return Calibration(temperature={"category": TEMPERATURE}), {}
    ids = [category.id for category in tax.categories]
    platt, thresholds = dict.fromkeys(ids, (SLOPE, INTERCEPT)), dict.fromkeys(ids, _AT)
    chances = Calibration(platt=platt).detected(Layout(tax), ordinary)
    return Calibration(platt=platt, doubt=doubt_of(chances, list(thresholds.values()))), thresholds


def measured(tax: Taxonomy, logits: Scores, targets: Targets) -> Found:
    """From logits of comments that had no part in what gave them; both of shape (comments, categories)."""
    if tax.exclusive:
        told = (targets == 1).any(axis=1)
        places = targets[told].argmax(axis=1).astype(np.int64)
        return Calibration(temperature={"category": temperature_scaling(logits[told], places)}), {}
    layout = Layout(tax)
    found = {k: layout.categories[k] for k in np.flatnonzero(shown(targets)).tolist()}
    fitted = {name: _platt(logits[:, k], targets[:, k]) for k, name in found.items()}
    platt = dict.fromkeys(layout.categories, (SLOPE, INTERCEPT)) | fitted
    whole = ~np.isnan(targets[:, list(found)]).any(axis=1)
    probabilities = Calibration(platt=platt).detected(layout, logits[whole])
    chosen = choose_thresholds(probabilities[:, list(found)], list(found.values()))
    thresholds = dict.fromkeys(layout.categories, _AT) | chosen
    errors = {
        name: error_counts(probabilities[:, k] >= np.float32(chosen[name]), targets[whole, k] == 1)
        for k, name in found.items()
    }
    # Whoever serves adds up the doubts of all categories, so the others are in this figure too; it asks for no truth.
    doubt = doubt_of(probabilities, list(thresholds.values()))
    return Calibration(platt=platt, errors=errors, doubt=doubt), thresholds


def _platt(logits: Scores, targets: Targets) -> tuple[float, float]:
    """Of one category, from the comments of which it is known."""
    known = ~np.isnan(targets)
    return platt_scaling(logits[known], targets[known] == 1)
