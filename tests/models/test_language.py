"""English is doubted only with reason; a declared language is believed."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.language import _CANDIDATES, _identifier, detect

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "text",
    [
        "Excellent",
        "ok",
        "Parking",
        "super service",
        "Very easy, no fuss",
        "app crashes constantly since update",
        "Gr8 staff!!",
        "Thnx 4 nothing",
        "Crew were lovely. Bonjour and merci from row 12!",
    ],
)
def test_english_is_read(text: str) -> None:
    assert detect(text).supported


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("El pedido llegó tarde y nadie contesta el teléfono", "es"),
        ("Le colis est arrivé cassé et personne ne répond à mes messages", "fr"),
        ("Die Lieferung kam zu spät und niemand hat sich gemeldet", "de"),
        ("الخدمة سيئة جدا ولم يرد أحد", "ar"),
        ("配送が遅くて、電話もつながりませんでした", "ja"),
    ],
)
def test_another_language_is_named_and_not_read(text: str, code: str) -> None:
    language = detect(text)
    assert language.code == code
    assert not language.supported


@pytest.mark.parametrize(
    "text",
    [
        "Schlechter Service, nie wieder.",
        "Mauvais service, plus jamais.",
        "Très bon service.",
        "No me han devuelto el dinero.",
        "Het was een slecht hotel, de service was waardeloos.",
        "De service was goed maar het was duur",
        "On m'a fait attendre une heure au guichet",
        "Das Hotel war super, das Personal so nett",
        "Leveringen var for sen og ingen svarede",
        "Mae'r staff yn gyfeillgar iawn ond roedd y bwyd yn oer",
    ],
)
def test_words_that_other_languages_share_do_not_make_it_english(text: str) -> None:
    assert not detect(text).supported


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("సేవ చాలా బాగుంది", "te"),
        ("მომსახურება კარგია", "ka"),
        ("ծառայությունը լավն է", "hy"),
        ("ሰራተኞቹ ደግ ነበሩ", "am"),
    ],
)
def test_a_script_of_its_own_is_its_language(text: str, code: str) -> None:
    assert detect(text).code == code


def test_a_declared_language_is_believed() -> None:
    assert detect("Excellent", "en-GB").supported
    assert detect("Excellent", "fr_CA").code == "fr"
    assert not detect("Excellent", "fr_CA").supported


def test_too_short_to_tell_is_read_all_the_same() -> None:
    language = detect("5*")
    assert (language.code, language.supported) == ("und", True)


def test_the_first_texts_may_come_from_several_threads_at_once() -> None:
    code = (
        "import threading\n"
        "from models.language import detect\n"
        "found = []\n"
        "def ask(): found.append(detect('The agent was kind but nobody ever fixed my bill.').code)\n"
        "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
        "[one.start() for one in threads]; [one.join() for one in threads]\n"
        "assert found == ['en'] * 8, found\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr


def test_only_the_languages_that_comments_come_in_are_kept_in_memory() -> None:
    identifier = _identifier()
    assert set(identifier.labels) == set(_CANDIDATES)
    assert identifier.nb_ptc.shape[1] < 60
    identifier.set_languages(None)
    assert set(identifier.labels) == set(_CANDIDATES)


@pytest.mark.parametrize(
    ("declared", "text"), [("und", "thx"), ("eng", "Très bien"), ("eng-GB", "thx"), (" ", "thx")]
)
def test_our_own_answer_declares_nothing_and_three_letters_are_known(declared: str, text: str) -> None:
    assert detect(text, declared).supported
