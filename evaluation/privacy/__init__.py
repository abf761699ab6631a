"""How much personal data masking finds, and what it costs: on invented comments of our own, marked by hand.

    python -m evaluation.privacy                   recall and precision of each kind on the held-out half
    python -m evaluation.privacy --half develop    on the half that the recognisers were written with
    python -m evaluation.privacy --cost            time beside the model's, and whether its labels stay

The comments lie in `comments/`, one a line, with `{name:Ada}` for a stretch to be found and `\\n` for a new line.
Both halves were written before the recognisers, by the same hand; all persons, numbers and addresses are invented.
Titles, towns alone, firms, the last four digits of a card, prices, dates and models of things are not marked.
"""
