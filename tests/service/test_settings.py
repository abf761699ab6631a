"""Settings come from the environment, with defaults that suit a laptop, and are documented in one place."""

import pytest

from models import InputError
from service.settings import Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"LISTENWELL_{name.upper()}", raising=False)


def test_defaults_listen_on_this_machine_only() -> None:
    settings = Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 3000)
    assert settings.database_url == "sqlite:///listenwell.db"
    assert (settings.hide_below, settings.low_base_below, settings.ces_easiest) == (5, 30, 7)


def test_the_environment_overrides_at_the_time_of_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTENWELL_PORT", "8080")
    monkeypatch.setenv("LISTENWELL_CES_EASIEST", "1")
    assert (Settings().port, Settings().ces_easiest) == (8080, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "http"), ("PORT", "0"), ("CES_EASIEST", "4"), ("RUNTIME", "abacus"), ("HIDE_BELOW", "1")],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"LISTENWELL_{name}", value)
    with pytest.raises(InputError, match=f"LISTENWELL_{name}") as caught:
        Settings()
    assert caught.value.code == "invalid_setting"


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
