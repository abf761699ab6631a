"""The taxonomy is the contract's vocabulary, and a malformed one is refused."""

from pathlib import Path

import pytest

from models import TaxonomyError, taxonomy

PAIRS = {
    "personalization": ("lack_of_personalization", "personal_treatment"),
    "communication": ("poor_communication", "clear_communication"),
    "support": ("inadequate_support", "helpful_support"),
    "resolution": ("unresolved_issue", "quick_resolution"),
    "omnichannel": ("lack_of_omnichannel", "seamless_channels"),
    "user_experience": ("poor_user_experience", "easy_to_use"),
    "listening": ("not_listening_to_customers", "listens_to_customers"),
    "consistency": ("inconsistent_experience", "consistent_experience"),
    "empathy": ("lack_of_empathy", "caring_treatment"),
    "expectations": ("unmet_expectations", "met_expectations"),
}


def test_the_vocabulary_is_the_contracts() -> None:
    tax = taxonomy.load()
    assert {t.key: (t.issue.id, t.strength.id) for t in tax.themes} == PAIRS
    assert len(tax.touchpoints) == 10
    assert tax.intents == ("complaint", "praise", "suggestion", "question", "other")


def test_it_survives_storing(tmp_path: Path) -> None:
    file = tmp_path / "taxonomy.json"
    file.write_text(taxonomy.load().to_json(), encoding="utf-8")
    assert taxonomy.load(file) == taxonomy.load()


def test_a_missing_entry_is_named() -> None:
    data = taxonomy.load().to_dict()
    del data["themes"][0]["strength"]
    with pytest.raises(TaxonomyError, match="strength"):
        taxonomy.from_dict(data)


def test_an_id_used_twice_is_named() -> None:
    data = taxonomy.load().to_dict()
    data["themes"][1]["issue"]["id"] = "personal_treatment"
    with pytest.raises(TaxonomyError, match="personal_treatment"):
        taxonomy.from_dict(data)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "taxonomy.toml"
    file.write_text("version = ", encoding="utf-8")
    with pytest.raises(TaxonomyError, match=r"taxonomy\.toml"):
        taxonomy.load(file)
