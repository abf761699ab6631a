"""Logits of categories to probabilities and thresholds, for each stage.

described   a fixed scale, measured once on comments of our own writing
examples    from cross-fitted logits: each comment's by directions that were fitted without it
tuned       from held-out comments, read by the runtime that serves
"""

import numpy as np

from models.heads import Calibration, Layout, Scores
from models.taxonomy import Taxonomy
from training.calibrate import choose_thresholds, doubt_of, error_counts, platt_scaling, temperature_scaling
from training.categories.directions import Targets

# p = sigmoid(slope * logit + intercept), the threshold at logit 0, fitted on our corpus with our ten themes as
# categories and again with our ten touchpoints.
SLOPE, INTERCEPT = 0.73, -1.12
# Cosines times 10, divided by this, are times 20: the scale with which the encoder was trained to tell texts apart.
TEMPERATURE = 0.5

Found = tuple[Calibration, dict[str, float]]


def fixed(tax: Taxonomy, ordinary: Scores) -> Found:
    """Where nothing was labelled; `ordinary` are logits of ordinary feedback, shape (comments, categories)."""
    if tax.exclusive:
        return Calibration(temperature={"category": TEMPERATURE}), {}
    ids = [category.id for category in tax.categories]
    at = round(float(1 / (1 + np.exp(-INTERCEPT))), 4)
    platt, thresholds = dict.fromkeys(ids, (SLOPE, INTERCEPT)), dict.fromkeys(ids, at)
    chances = Calibration(platt=platt).detected(Layout(tax), ordinary)
    return Calibration(platt=platt, doubt=doubt_of(chances, list(thresholds.values()))), thresholds


def measured(tax: Taxonomy, logits: Scores, targets: Targets) -> Found:
    """From logits of comments that had no part in what gave them; both of shape (comments, categories)."""
    if tax.exclusive:
        told = (targets == 1).any(axis=1)
        places = targets[told].argmax(axis=1).astype(np.int64)
        return Calibration(temperature={"category": temperature_scaling(logits[told], places)}), {}
    layout = Layout(tax)
    known = ~np.isnan(targets)
    truth = targets == 1
    platt = {
        name: platt_scaling(logits[known[:, k], k], truth[known[:, k], k])
        for k, name in enumerate(layout.categories)
    }
    whole = known.all(axis=1)
    probabilities = Calibration(platt=platt).detected(layout, logits[whole])
    thresholds = choose_thresholds(probabilities, layout.categories)
    limits = np.array([thresholds[name] for name in layout.categories], dtype=np.float32)
    errors = {
        name: error_counts(probabilities[:, k] >= limits[k], truth[whole, k])
        for k, name in enumerate(layout.categories)
    }
    return Calibration(
        platt=platt, errors=errors, doubt=doubt_of(probabilities, list(thresholds.values()))
    ), thresholds
