"""Every line of the corpus: what must go goes, what must stay stays."""

import pytest

from secrets_vault.masking import Masker
from tests.secrets_vault.masking.corpus import KEPT, LEAKS, made
from tests.secrets_vault.masking.hostile import HARMLESS, HOSTILE

pytestmark = pytest.mark.matrix  # no database: one engine is enough

MASKER = Masker()
CASES = [
    pytest.param(text, secret, id=f"{family}-{n}")
    for family, rows in LEAKS.items()
    for n, (text, secret) in enumerate(rows)
]
CASES += [pytest.param(text, secret, id=f"hostile-{n}") for n, (text, secret) in enumerate(HOSTILE)]
KEPT = KEPT + HARMLESS


@pytest.mark.parametrize(("text", "secret"), CASES)
def test_a_secret_does_not_get_through(text, secret):
    assert secret in text, "the case itself is broken"
    masked = MASKER.mask(text)
    assert secret not in masked
    assert "****" in masked


@pytest.mark.parametrize(("text", "secret"), CASES)
def test_masking_twice_changes_nothing(text, secret):
    once = MASKER.mask(text)
    assert MASKER.mask(once) == once


@pytest.mark.parametrize("text", KEPT)
def test_ordinary_text_stays_as_it_was(text):
    assert MASKER.mask(text) == text


def test_the_corpus_is_as_large_as_promised():
    assert len(CASES) + len(KEPT) >= 300


@pytest.mark.parametrize(
    ("prefix", "length"), [("AK" + "IA", 0), ("S" + "G.", 30), ("h" + "f_", 24), ("np" + "m_", 36)]
)
def test_a_token_glued_to_a_word_is_still_found(prefix, length):
    token = made(prefix, length) if length else prefix + made("", 16).upper()
    assert token not in MASKER.mask(f"x1{token}")
