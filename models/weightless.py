"""A model of word lists behind the same door: no weights, no files, instant.

For tests, demos of the machinery and development of everything around the model. It is no rival to the
trained one and says so in its version.
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from models.heads import SIGNALS, Calibration, Layout, Scores
from models.scorer import Reading
from models.taxonomy import Taxonomy

VERSION = "weightless-1"
CALIBRATION = Calibration()
_YES, _NO = 4.0, -4.0

# Words of praise and blame decide the polarity of a clause; words of a theme decide what it is about.
_PRAISE = "good great kind helpful friendly easy quick excellent love lovely happy clear smooth perfect caring thanks"
_BLAME = (
    "bad poor rude late slow never nobody not no wrong broken terrible awful worst useless waited waiting "
    "cancelled failed crash crashes confusing overpriced ignored refused hours lack"
)
_THEMES = {
    "personalization": "personal individual generic irrelevant tailored preferences",
    "communication": "reply informed update updates email told information explained call",
    "support": "agent support helpful unhelpful hold queue staff service bot",
    "resolution": "fixed resolved refund solved repair bill",
    "omnichannel": "channel channels online app phone shop",
    "user_experience": "app website site login page crash crashes checkout easy",
    "listening": "feedback suggestion suggestions listen survey",
    "consistency": "always usually inconsistent branch branches",
    "empathy": "rude kind caring friendly cold polite understanding patient",
    "expectations": "quality price product delivery late broken value expected food room waited",
}
_TOUCHPOINTS = {
    "marketing": "advert promotion offer brand",
    "digital": "app website site online login",
    "purchase": "order ordered buy bought checkout booking",
    "pricing": "price expensive cheap value fee fees overpriced",
    "billing": "bill billing charge charged payment invoice",
    "delivery": "delivery delivered parcel courier arrived shipping",
    "product": "product quality broken food flight room",
    "support": "agent support call phone chat helpdesk",
    "in_person": "shop store branch staff ward",
    "after_sale": "return refund cancel cancelled warranty",
}
_SIGNALS = {
    "effort_hard": "hard difficult confusing times again",
    "effort_easy": "easy simple quick",
    "loyalty_leaving": "leaving cancelled switching avoid",
    "loyalty_staying": "recommend return loyal",
}


class WeightlessScorer:
    """Scores spans by the words in them. The same text always gets the same scores."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.layout = Layout(taxonomy)

    def score(self, readings: Sequence[Reading]) -> list[Scores]:
        """See `Scorer.score`."""
        return [self._score(reading) for reading in readings]

    def _score(self, reading: Reading) -> Scores:
        rows = [self._row(reading.text[span.start : span.end]) for span in reading.spans]
        return np.array(rows, dtype=np.float32)

    def _row(self, clause: str) -> list[float]:
        words = set(re.findall(r"[a-z]+", clause.lower()))
        blame, praise = len(words & _set(_BLAME)), len(words & _set(_PRAISE))
        tone = (praise > blame) - (blame > praise)
        about = {theme.key for theme in self.taxonomy.themes if words & _set(_THEMES.get(theme.key, ""))}
        labels = [
            _YES if label.theme in about and tone == (1 if label.polarity == "strength" else -1) else _NO
            for label in self.taxonomy.labels
        ]
        signals = [_YES if words & _set(_SIGNALS[name]) else _NO for name in SIGNALS]
        places = [
            _YES if words & _set(_TOUCHPOINTS.get(t.key, "")) else _NO for t in self.taxonomy.touchpoints
        ]
        levels = [_YES if level == tone else 0.0 for level in (-2, -1, 0, 1, 2)]
        intent = {-1: "complaint", 0: "other", 1: "praise"}[tone]
        intents = [_YES if name == intent else 0.0 for name in self.taxonomy.intents]
        return [*labels, *signals, *places, *levels, *levels, *intents, float(abs(tone))]


@cache
def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())
