"""A file of one's own categories is read or refused by name, and a model of them fills `categories` alone."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models import Analysis, Comment, Pipeline, TaxonomyError, taxonomy
from models.categories import has_categories, read_categories
from models.heads import Calibration, Layout, Scores
from models.scorer import Reading
from models.taxonomy import Category, Taxonomy

SHOP = """
version = "shop-1"
[[categories]]
id = "parking"
name = "Parking"
description = "Finding and paying for a parking place."
examples = ["Nowhere to park", "Nowhere to park", "The car park was full"]
counter_examples = ["The play park was lovely"]
[[categories]]
id = "food"
description = "What there is to eat."
"""
OWN = Taxonomy(
    "shop-1", (), (), (), (Category("parking", "Parking", "Cars."), Category("food", "Food", "Eating."))
)


class WordScorer:
    """A clause scores 3 for a category whose first word it holds, else -3."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def score(self, readings: Sequence[Reading]) -> list[Scores]:
        return [np.array([self._row(r.text[s.start : s.end]) for s in r.spans], np.float32) for r in readings]

    def _row(self, clause: str) -> list[float]:
        return [3.0 if word in clause else -3.0 for word in self.words] + [0.0]


def pipeline(*, exclusive: bool) -> Pipeline:
    tax = dataclasses.replace(OWN, exclusive=exclusive)
    return Pipeline(WordScorer("park", "soup"), tax, version="w", calibration=Calibration(), thresholds={})


def file_of(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_is_a_taxonomy_and_what_teaches_it(tmp_path: Path) -> None:
    own = read_categories(file_of(tmp_path, SHOP))
    assert [c.id for c in own.taxonomy.categories] == ["parking", "food"]
    assert own.taxonomy.categories[1].name == "food"
    assert not own.taxonomy.exclusive
    assert own.examples == {"parking": ("Nowhere to park", "The car park was full")}
    assert own.counter_examples == {"parking": ("The play park was lovely",)}
    assert has_categories(file_of(tmp_path, SHOP))
    assert not has_categories(taxonomy.DEFAULT)


def test_a_slip_in_the_file_is_named(tmp_path: Path) -> None:
    file = file_of(tmp_path, SHOP)
    file.write_text("\ufeff" + file.read_text(encoding="utf-8"), encoding="utf-8")
    assert has_categories(file)
    assert read_categories(file).taxonomy.categories
    file.write_text(
        file.read_text(encoding="utf-8-sig").replace("[[categories]]", "[[category]]"), encoding="utf-8"
    )
    assert has_categories(file)
    with pytest.raises(TaxonomyError, match="at least one"):
        read_categories(file)
    file.write_text("[[categories]", encoding="utf-8")
    with pytest.raises(TaxonomyError, match="cannot be read"):
        has_categories(file)


def test_the_stored_taxonomy_is_read_again_and_holds_no_examples(tmp_path: Path) -> None:
    own = read_categories(file_of(tmp_path, "exclusive = true\n" + SHOP)).taxonomy
    assert own.exclusive
    file = tmp_path / "taxonomy.json"
    file.write_text(own.to_json(), encoding="utf-8")
    assert taxonomy.load(file) == own
    with pytest.raises(TaxonomyError, match=r"taxonomy\.json: categories are written in a TOML file"):
        has_categories(file)
    assert "Nowhere" not in own.to_json()


def test_the_default_taxonomy_is_stored_as_it_always_was() -> None:
    assert list(taxonomy.load().to_dict()) == ["version", "themes", "touchpoints", "intents"]
    stored = Path(taxonomy.__file__).with_name("default") / "taxonomy.json"
    assert taxonomy.load().to_json() == stored.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('id = "food"', 'id = "parking"', "used twice: parking"),
        ('id = "food"', 'id = "Good Food"', "category 2: id must be"),
        ('description = "What there is to eat."', 'description = " "', r"category 2 \(food\): description"),
        ('description = "What there is to eat."', "", r"category 2 \(food\): description"),
        ('version = "shop-1"', "", "version"),
        ('version = "shop-1"', 'version = "1"\nexclusive = "no"', "exclusive must be true or false"),
        ('version = "shop-1"', 'version = "1"\nintents = ["x"]', "intents cannot stand beside"),
        ('name = "Parking"', 'nam = "Parking"', r"\(parking\): unknown entry nam"),
        ('examples = ["Nowhere to park"', 'examples = [""', "parking: examples must be a list of strings"),
        ('"The play park was lovely"', '"Nowhere to park"', "both an example and a counter-example"),
        ("[[categories]]", "[[others]]", "at least one"),
        ("version", "= version", "cannot be read"),
    ],
)
def test_a_faulty_file_is_refused_by_name(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SHOP
    with pytest.raises(TaxonomyError, match=rf"mine\.toml: .*{said}"):
        read_categories(file_of(tmp_path, SHOP.replace(old, new)))


def test_one_category_cannot_exclude_itself() -> None:
    data = OWN.to_dict() | {"exclusive": True, "categories": OWN.to_dict()["categories"][:1]}
    with pytest.raises(TaxonomyError, match="at least 2"):
        taxonomy.from_dict(data)


def test_the_columns_of_categories() -> None:
    free, exclusive = Layout(OWN), Layout(dataclasses.replace(OWN, exclusive=True))
    assert (free.detected, free.choices, free.width) == (("parking", "food"), {}, 3)
    assert (exclusive.detected, exclusive.choices, exclusive.width) == ((), {"category": slice(0, 2)}, 3)
    assert Layout(taxonomy.load()).width == 50


def test_a_comment_may_have_several_categories_each_with_its_words() -> None:
    (analysis,) = pipeline(exclusive=False).analyze([Comment("No park was near but the soup was hot.")])
    found = {m.id: (m.theme, [e.text for e in m.evidence]) for m in analysis.categories}
    assert found == {"parking": ("parking", ["No park was near"]), "food": ("food", ["the soup was hot"])}
    assert analysis.sentiment is analysis.intent is analysis.effort is analysis.empathy is None
    assert analysis.issues == analysis.strengths == analysis.touchpoints == ()
    assert Analysis.from_dict(analysis.to_dict()) == analysis


def test_no_category_is_forced_where_they_do_not_exclude_each_other() -> None:
    plain = pipeline(exclusive=False)
    (analysis,) = plain.analyze([Comment("We came on Monday.")])
    assert analysis.categories == ()
    (everything,) = plain.analyze([Comment("We came on Monday.")], all_labels=True)
    assert {m.id for m in everything.categories} == {"parking", "food"}


def test_exclusive_categories_give_one_whose_threshold_is_its_strongest_rival() -> None:
    one = pipeline(exclusive=True)
    text = "The soup was hot. The soup was good. No park was near."
    (analysis,) = one.analyze([Comment(text)])
    (found,) = analysis.categories
    assert found.id == "food"
    assert [e.text for e in found.evidence] == ["The soup was hot", "The soup was good"]
    assert found.probability + found.threshold == pytest.approx(1, abs=1e-3)
    (both,) = one.analyze([Comment(text)], all_labels=True)
    assert [m.probability >= m.threshold for m in both.categories] == [True, False]
    assert sum(m.probability for m in both.categories) == pytest.approx(1, abs=1e-3)


def test_a_category_named_as_a_signal_is_a_category(monkeypatch: pytest.MonkeyPatch) -> None:
    data = OWN.to_dict()
    names = ("effort_hard", "loyalty_staying")
    data["categories"] = [one | {"id": id} for one, id in zip(data["categories"], names, strict=True)]
    monkeypatch.setattr(f"{__name__}.OWN", taxonomy.from_dict(data))
    (analysis,) = pipeline(exclusive=False).analyze([Comment("No park was near but the soup was hot.")])
    assert analysis.effort is analysis.loyalty is None


def test_the_default_model_has_no_categories() -> None:
    (analysis,) = models_default().analyze([Comment("The app is good.")])
    assert analysis.categories == ()
    stored = analysis.to_dict()
    del stored["categories"]  # as analyses were stored before there were any
    assert Analysis.from_dict(stored) == analysis


def models_default() -> Pipeline:
    import models

    return models.load("weightless")
