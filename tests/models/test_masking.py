"""Masking: what is found, that the length stays, and that hostile texts do not take long."""

import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import InputError
from models.masking.contacts import luhn
from models.masking.kinds import KINDS, Kind, parse
from models.masking.masker import Hidden, Masker, cover, load, merged


@pytest.fixture(scope="module")
def masker() -> Masker:
    return load(KINDS)


@pytest.mark.parametrize(
    ("text", "kind", "hidden"),
    [
        ("mail jo.ode+x@example.com please", "email", "jo.ode+x@example.com"),
        ("it is jo at example dot com", "email", "jo at example dot com"),
        ("ring me on (212) 555-0147", "phone", "(212) 555-0147"),
        ("my mobile is 07700 900321, thanks", "phone", "07700 900321"),
        ("card 4111 1111 1111 1111 was charged", "card", "4111 1111 1111 1111"),
        ("pay to GB82 WEST 1234 5698 7654 32", "account", "GB82 WEST 1234 5698 7654 32"),
        ("policy number HX-20419 lapsed", "account", "HX-20419"),
        ("I live at 12 Alder Road, Leeds LS1 4AP.", "address", "12 Alder Road, Leeds LS1 4AP"),
        ("sent to Lindenstraße 4, 10969 Berlin", "address", "Lindenstraße 4, 10969 Berlin"),
        ("my name is janet and I waited", "name", "janet"),
        ("then to Dr Okafor", "name", "Okafor"),
        ("All good.\nKind regards,\nQuillon Abernathy", "name", "Quillon Abernathy"),
    ],
)
def test_each_kind_is_hidden_at_its_length(masker: Masker, text: str, kind: Kind, hidden: str) -> None:
    start = text.index(hidden)
    found = masker.mask(text)
    assert found.hidden == (Hidden(kind, start, start + len(hidden)),)
    assert found.text == text.replace(hidden, cover(kind, len(hidden)))
    assert len(found.text) == len(text)


def test_a_mask_says_its_kind_as_far_as_there_is_room() -> None:
    assert [cover("name", length) for length in (2, 4, 6, 9)] == ["[]", "[na]", "[name]", "[name___]"]


@pytest.mark.parametrize(
    "text",
    [
        "I paid $1,299.00 for 2 of them on 12/11/2025 at 14:20",
        "Order arrived in 2 days, 12345678 points",
        "May I have the X500 Pro 7.2.1.3300",
        "2 weeks in a row they came down the road",
        "Dear customer service, thanks a lot",
        "n/a",
        "",
    ],
)
def test_what_is_nobodys_data_stays(masker: Masker, text: str) -> None:
    assert masker.mask(text).hidden == ()


def test_offsets_count_code_points_whatever_stands_before(masker: Masker) -> None:
    text = "👩‍👩‍👧 “Grüße” \u00a0an zoë@example.org — café"
    (one,) = masker.mask(text).hidden
    assert text[one.start : one.end] == "zoë@example.org"
    assert masker.mask(text).text == text.replace("zoë@example.org", "[email________]")


@pytest.mark.parametrize(
    "text",
    [
        "Agent Jürgen Müller was rude",
        "mail jürgen.müller@example.com",
        "Señora Ibáñez was rude",
        "ich wohne Königsstraße 12, 50667 Köln",
    ],
)
def test_accents_may_be_signs_of_their_own(masker: Masker, text: str) -> None:
    apart = unicodedata.normalize("NFD", text)
    hidden = [unicodedata.normalize("NFC", apart[one.start : one.end]) for one in masker.mask(apart).hidden]
    assert hidden == [text[one.start : one.end] for one in masker.mask(text).hidden]
    assert hidden
    assert not any(unicodedata.combining(char) for char in masker.mask(apart).text[-1:])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail tom\xad.smith@exam\u200bple.com", "mail [email________________]"),
        ("spoke to Ja\u00adnelle Smith today", "spoke to [name________] today"),
        ("spoke to Tom\u200b Smith today", "spoke to [name____] today"),
        ("\ufeffspoke to Tom.", "\ufeffspoke to [n]."),
    ],
)
def test_what_nobody_sees_hides_nothing(masker: Masker, text: str, masked: str) -> None:
    assert masker.mask(text).text == masked


def test_only_the_kinds_asked_for() -> None:
    text = "Spoke to Tom, tom@example.com"
    assert load(("email",)).mask(text).text == "Spoke to Tom, [email________]"
    assert load(("name",)).mask(text).text.startswith("Spoke to [n], ")


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            ["Tom", "my name is ", "a@example.com", "555-0147 ", "12 Oak Road", "\n", "[", "é👍 ", "card "]
        )
    )
)
def test_the_length_stays_and_stretches_are_apart(parts: Iterable[str]) -> None:
    text = "".join(parts)
    once = load(KINDS).mask(text)
    assert len(once.text) == len(text)
    assert all(a.end <= b.start for a, b in zip(once.hidden, once.hidden[1:], strict=False))


@pytest.mark.parametrize(
    "part", ["a", "\n", "1 ", "12 Ab ", "A1", "1-", "a@", "Abc, ", "my ", "(", "spoke to Ana and ", "Jo, "]
)
def test_a_hostile_text_of_full_length_does_not_take_long(masker: Masker, part: str) -> None:
    start = time.process_time()
    masker.mask((part * 10_000)[:10_000])
    assert time.process_time() - start < 3


def test_overlapping_stretches_become_one_of_the_longest() -> None:
    found = [Hidden("name", 0, 4), Hidden("email", 2, 12), Hidden("phone", 20, 24), Hidden("card", 20, 24)]
    assert merged(found) == (Hidden("email", 0, 12), Hidden("card", 20, 24))


@pytest.mark.parametrize("length", range(2, 12))
def test_a_mask_has_any_length(length: int) -> None:
    assert len(cover("address", length)) == length


def test_check_digits() -> None:
    assert luhn("4111111111111111")
    assert not luhn("4111111111111112")


def test_kinds_by_name() -> None:
    assert parse("all") == KINDS
    assert parse(" Phone,email,,email") == ("email", "phone")
    assert parse("") == ()
    with pytest.raises(InputError, match="'shoe'"):
        parse("email,shoe")


def test_without_masking_presidio_is_not_imported() -> None:
    code = "import sys, models.masking.masker, service.app; print('presidio_analyzer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "text", ["Spoke to J's manager, tom@example.com", "Mr T's van, tom@example.com", "Thanks to A's team"]
)
def test_initials_with_a_possessive_move_nothing(masker: Masker, text: str) -> None:
    masked = masker.mask(text)
    assert len(masked.text) == len(text)
    assert [masked.text[one.start] in "[_" for one in masked.hidden] == [True] * len(masked.hidden)
