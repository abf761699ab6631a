"""Presidio's analyzer with its recognisers for cards, IBANs and phone numbers, and ours beside them.

Nothing is downloaded and no spaCy model is needed: Presidio's own recogniser of e-mail addresses is left out
because it fetches a list of top-level domains, and names are found by our own patterns.

Presidio gives up a pattern after a minute and goes on without it. A test holds hostile texts of full length far
below that, because what is given up is not masked.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, LocalRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NoOpNlpEngine
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer, IbanRecognizer, PhoneRecognizer
from presidio_analyzer.recognizer_registry import RecognizerRegistry

from models.masking import accounts, addresses, contacts, names
from models.masking.kinds import Kind
from models.masking.masker import Hidden

_REGIONS = ("US", "GB", "IE", "AU", "DE", "FR", "NL", "ES", "IT")
"""Where phone numbers without a country code may be from."""
_FEWEST_DIGITS = 7
_OURS: dict[Kind, Callable[[str], Iterable[tuple[int, int]]]] = {
    "email": contacts.emails,
    "phone": contacts.phones,
    "card": contacts.cards,
    "account": accounts.accounts,
    "address": addresses.addresses,
    "name": names.names,
}


class OwnRecognizer(LocalRecognizer):
    """A function from text to spans as a recogniser of Presidio's."""

    def __init__(self, kind: Kind, find: Callable[[str], Iterable[tuple[int, int]]]) -> None:
        self._find = find
        super().__init__(supported_entities=[kind], name=f"Listenwell {kind}")

    def load(self) -> None:
        """There is nothing to load."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """What the function finds, with full score."""
        kind = self.supported_entities[0]
        return [RecognizerResult(kind, start, end, score=1.0) for start, end in self._find(text)]


class Phones(PhoneRecognizer):
    """Presidio's, which asks python-phonenumbers for every region, only where there are digits enough."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """As Presidio's."""
        if sum(char.isdigit() for char in text) < _FEWEST_DIGITS:
            return []
        return super().analyze(text, entities, nlp_artifacts)  # type: ignore[arg-type]


def finder(kinds: Sequence[Kind]) -> Callable[[str], list[Hidden]]:
    """The function that finds all stretches of these kinds in a cleaned text; they may overlap."""
    presidio: dict[Kind, EntityRecognizer] = {
        "phone": Phones(supported_entity="phone", supported_regions=_REGIONS),
        "card": CreditCardRecognizer(supported_entity="card"),
        "account": IbanRecognizer(supported_entity="account"),
    }
    recognizers: list[EntityRecognizer] = [OwnRecognizer(kind, _OURS[kind]) for kind in kinds]
    recognizers += [presidio[kind] for kind in kinds if kind in presidio]
    engine = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers),
        nlp_engine=NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}]),
    )

    def find(text: str) -> list[Hidden]:
        found = engine.analyze(text, language="en", entities=list(kinds))
        return [Hidden(cast(Kind, one.entity_type), one.start, one.end) for one in found]

    return find
