"""Is the corpus that we wrote varied, and is it like what customers write? Measured, not believed.

    python -m training.diversity --corpus training/corpus --real ../shared/data/feedback/train.jsonl

- near-duplicates: comments that share a signature of word triples with another (see `split`);
- distinct triples: share of all word triples that occur once (Li et al. 2016, distinct-n);
- repetition: the largest share of comments that open with the same two words;
- told apart: how well words and characters tell written comments from real ones of the same length, as the area
  under the ROC curve by five-fold cross-validation; 0.5 is not at all, 1 is always. Real comments come from other
  industries, so that words of an industry alone tell much: the figure without them masks nouns by their rarity.
Needs the evaluate extra (scikit-learn).
"""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from evaluation.gold import LabelledComment, labelled_files, read_labelled
from models import taxonomy
from models.text import words_of
from training.split import group_near_duplicates

_PLACE = click.Path(exists=True, path_type=Path)
_COMMON = 500  # words that stay when an industry's own words are masked


def diversity(texts: Sequence[str]) -> dict[str, float]:
    """The measures of one set of texts by itself."""
    words = [words_of(text) for text in texts]
    groups = Counter(group_near_duplicates(texts))
    triples = Counter(tuple(each[i : i + 3]) for each in words for i in range(len(each) - 2))
    openings = Counter(" ".join(each[:2]) for each in words if len(each) > 1)
    lengths = np.array([len(each) for each in words])
    return {
        "comments": len(texts),
        "words, median": float(np.median(lengths)),
        "words, 90 %": float(np.quantile(lengths, 0.9)),
        "in a near-duplicate pair": sum(n for n in groups.values() if n > 1) / len(texts),
        "distinct triples": sum(n == 1 for n in triples.values()) / max(1, sum(triples.values())),
        "commonest opening": openings.most_common(1)[0][1] / len(texts) if openings else 0.0,
    }


def told_apart(written: Sequence[str], real: Sequence[str], *, masked: bool, seed: int = 0) -> float:
    """Area under the ROC curve of a classifier of written against real texts, matched in length."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline

    pairs = _matched(written, real, seed)
    texts = [text for pair in pairs for text in pair]
    truth = np.tile([1, 0], len(pairs))
    if masked:
        texts = _masked(texts)
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=500)
    )
    chances = cross_val_predict(model, texts, truth, cv=5, method="predict_proba")[:, 1]
    return float(roc_auc_score(truth, chances))


def _matched(written: Sequence[str], real: Sequence[str], seed: int) -> list[tuple[str, str]]:
    """Pairs of a written and a real text of nearly the same number of words, none used twice."""
    generator = random.Random(seed)
    by_length: dict[int, list[str]] = {}
    for text in generator.sample(list(real), len(real)):
        by_length.setdefault(len(text.split()) // 3, []).append(text)
    pairs = []
    for text in generator.sample(list(written), len(written)):
        if fitting := by_length.get(len(text.split()) // 3):
            pairs.append((text, fitting.pop()))
    return pairs


def _masked(texts: Sequence[str]) -> list[str]:
    counts = Counter(word for text in texts for word in words_of(text))
    common = {word for word, _ in counts.most_common(_COMMON)}
    return [" ".join(word if word in common else "_" for word in words_of(text)) for text in texts]


@click.command()
@click.option("--corpus", type=_PLACE, multiple=True, required=True, help="What we wrote.")
@click.option("--real", type=_PLACE, multiple=True, help="Labelled comments of customers, to compare with.")
def main(corpus: tuple[Path, ...], real: tuple[Path, ...]) -> None:
    """Print how varied a corpus is and how well it is told from real comments."""
    written, others = _read(corpus), _read(real)
    console = Console()
    table = Table("", "written", *(["real"] if others else []))
    columns = [diversity([c.text for c in part]) for part in (written, others) if part]
    for name in columns[0]:
        table.add_row(name, *(f"{column[name]:,.3f}".rstrip("0").rstrip(".") for column in columns))
    industries = Counter(comment.industry for comment in written)
    table.add_row(
        "industries", str(len(industries)), *([str(len({c.industry for c in others}))] if others else [])
    )
    console.print(table)
    if others:
        texts = [[c.text for c in part] for part in (written, others)]
        for masked in (False, True):
            area = told_apart(texts[0], texts[1], masked=masked)
            console.print(f"told apart{', common words only' if masked else ''}: area {area:.3f}")


def _read(places: Sequence[Path]) -> list[LabelledComment]:
    tax = taxonomy.load()
    return [comment for file in labelled_files(places) for comment in read_labelled(file, tax)]


if __name__ == "__main__":
    main()
