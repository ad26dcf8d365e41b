"""No list counts further than a thousand, and all say so alike."""

from __future__ import annotations

import pytest
from django.utils import translation

from dashboard import counting
from secrets_vault.models import Client
from tests.factories import make_client


@pytest.mark.django_db
def test_one_more_than_is_shown_is_counted_and_no_further(monkeypatch):
    monkeypatch.setattr(counting, "MOST_COUNTED", 2)
    counts = []
    for slug in ("acme", "beta", "corp", "dart"):
        make_client(slug)
        counts.append(counting.count_to_most(Client.objects.all()))
    assert counts == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("count", "language", "words", "short"),
    [
        (0, "en", "0", "0"),
        (1_000, "en", "1,000", "1,000"),
        (1_001, "en", "more than 1,000", "1,000+"),
        (1_000, "de", "1.000", "1.000"),
        (1_001, "de", "mehr als 1.000", "1.000+"),
    ],
)
def test_a_count_is_said_as_the_language_does(count, language, words, short):
    with translation.override(language):
        assert (counting.counted_words(count), counting.count_short(count)) == (words, short)
