"""What a call costs: by the list, by what the agency says, and never by a guess."""

from __future__ import annotations

import pytest

from integrations.models import ModelPrice
from integrations.usage.prices import Price, Prices, listed, nano_of
from integrations.usage.used import Used
from secrets_vault import generation


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("dollars", "nano"),
    [("2.50", 2_500_000_000), ("0.02", 20_000_000), (" 0 ", 0), ("0.000000001", 1), ("10000", 10**13)],
)
def test_dollars_are_kept_as_whole_billionths(dollars, nano):
    assert nano_of(dollars) == nano


@pytest.mark.matrix
@pytest.mark.parametrize("dollars", ["", "abc", "-1", "1e9", "NaN", "Infinity", "2,50", "0.0000000001", "10000.01"])
def test_what_is_no_amount_is_refused(dollars):
    with pytest.raises(ValueError, match="is "):
        nano_of(dollars)


@pytest.mark.matrix
def test_ten_tokens_of_an_embedding_cost_something():
    assert listed()["openai", "text-embedding-3-small"].price.cost_nano(Used(input=10)) == 200


@pytest.mark.matrix
def test_each_kind_of_token_has_its_price():
    used = Used(input=1000, cached=10_000, written=2000, written_long=3000, output=500)
    # 1,000 x 5 + 10,000 x 0.50 + 2,000 x 6.25 + 3,000 x 10 + 500 x 25 dollars for a million
    assert listed()["anthropic", "claude-opus-5"].price.cost_nano(used) == 65_000_000


@pytest.mark.matrix
@pytest.mark.parametrize(
    "used",
    [Used(input=272_001), Used(input=1, written_long=1)],
    ids=["a longer prompt than the price holds for", "a kind of token without a price"],
)
def test_where_the_list_says_nothing_no_price_is_made_up(used):
    assert listed()["openai", "gpt-5.4"].price.cost_nano(used) is None


@pytest.mark.matrix
def test_what_an_older_model_of_openai_writes_to_a_cache_costs_nothing_more():
    price = listed()["openai", "gpt-5.4"].price
    assert price.cost_nano(Used(input=1, written=9)) == price.cost_nano(Used(input=10))


@pytest.mark.matrix
def test_every_price_names_its_page_and_day():
    assert all(line.source.startswith("https://") and line.checked_on for line in listed().values())


@pytest.mark.django_db(transaction=True)
def test_what_the_agency_says_stands_in_place_of_the_list_at_once():
    prices = Prices()
    assert prices.of("openai", "gpt-4o-mini") == listed()["openai", "gpt-4o-mini"].price
    ModelPrice.objects.create(provider_key="openai", model="gpt-4o-mini", input_nano=7, output_nano=9)
    generation.count_up()
    assert prices.of("openai", "gpt-4o-mini") == Price(input=7, output=9)
    assert prices.of("openai", "gpt-99") is None
