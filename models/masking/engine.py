"""Presidio's recognisers for cards, IBANs and phone numbers, and ours beside them.

Nothing is downloaded and no spaCy model is needed: Presidio's own recogniser of e-mail addresses is left out
because it fetches a list of top-level domains, and names are found by our own patterns.

Presidio gives up a pattern after a minute and goes on without it, and what is given up is not masked. A test holds
hostile texts of a tenth of the largest length far below that; of full length, digits and slashes take ten seconds.
"""

from collections.abc import Callable, Iterable, Sequence

from presidio_analyzer import RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer, IbanRecognizer, PhoneRecognizer

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
    presidio: dict[Kind, Phones | CreditCardRecognizer | IbanRecognizer] = {
        "phone": Phones(supported_entity="phone", supported_regions=_REGIONS),
        "card": CreditCardRecognizer(supported_entity="card"),
        "account": IbanRecognizer(supported_entity="account"),
    }

    # Without Presidio's engine, which compares all that was found with all else: a thousand names take it a second.
    def find(text: str) -> list[Hidden]:
        found = [Hidden(kind, start, end) for kind in kinds for start, end in _OURS[kind](text)]
        for kind in presidio.keys() & set(kinds):
            found += [Hidden(kind, one.start, one.end) for one in presidio[kind].analyze(text, [kind])]
        return found

    return find
