"""Paths and ids that differ in plain ids alone: looked at once, and masked as if each had been."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from secrets_vault.masking import Masker, mask_head
from secrets_vault.masking.alike import is_in_doubt, outline
from tests.secrets_vault.masking.corpus import KEPT, LEAKS, made
from tests.secrets_vault.masking.hostile import HARMLESS, HOSTILE

pytestmark = pytest.mark.matrix  # no database: one engine is enough

SECRETS = [*(row for rows in LEAKS.values() for row in rows), *HOSTILE]
PLACES = (
    "/crm/v3/objects/contacts/{n}?limit=100&archived=false",
    "/v1/customers/{n}/sources/{u}",
    "/rest/api/3/issue/{n}?fields=summary,{n}",
    "/webhook/{u}",
    "/webhook-test/{n}",
    "/rest/1/{h}/crm.lead.list",
    "/oauth/token?code={n}&state={u}",
    "/x?api_key={h}&pin={n}&key={u}&phone={n}&cvv={n}",
    "/bot{n}:AAH{h}/sendMessage",
    "{u}",
    "req_{h}",
    "{h}-FRA",
    "/sk-{h}/{n}",
    "/key-{h}",
    "/v1/{h}-Zq9XyKw3/{u}",
    "/x/acme_{h}_Qw8RtY",
    "/flows/aB3dE9xQ2Lm/{u}",
    "/hooks/{u}/{n}",
    "/hooks/catch/{n}/{u}",
    "/api_key/{h}/forecast",
    "/access_token/{u}",
    "/x?key=averyverylongword-{h}",
    "/x?hapikey={u}&id={h}",
)


def filled(place: str, chance: random.Random) -> str:
    """Return a place with ids of its own."""
    number = chance.randrange(1, 10 ** chance.randrange(1, 13))
    digest = f"{chance.getrandbits(128):032x}"[: chance.choice((12, 16, 20, 24, 26, 32))]
    return place.format(n=number, u=UUID(int=chance.getrandbits(128), version=4), h=digest)


@pytest.mark.parametrize("place", PLACES)
def test_ids_at_the_same_place_are_masked_as_each_would_be(place):
    chance, plain, alike = random.Random(7), Masker(), Masker()
    texts = [filled(place, chance) for _ in range(150)]
    assert [alike.mask_alike(text) for text in texts] == [plain.mask(text) for text in texts]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_does_not_get_through(text, secret):
    masker = Masker()
    assert secret not in masker.mask_alike(text)
    assert secret not in masker.mask_alike(text)  # remembered now


@pytest.mark.parametrize("text", [*KEPT, *HARMLESS])
def test_ordinary_text_stays_as_it_was(text):
    assert Masker().mask_alike(text) == text


def test_a_value_of_the_vault_is_covered_even_where_it_looks_like_an_id():
    value = "20261122001"
    digest, mine = "5f7a1c2e5f7a1c2e5f7a1c2e5f7a1c2e", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    masker = Masker((value, digest, mine))
    assert masker.mask_alike("/orders/20261122002") == "/orders/20261122002"
    for known in (value, digest, mine):
        assert known not in masker.mask_alike(f"/orders/{known}")


@pytest.mark.parametrize(
    "text",
    [
        "/a%2F1",
        "/a\\u0031",
        "/a;b=1",
        "/a#1",
        "/ä/1",
        "/x?a=3D31",
        "/\u200b1",
        "/quoted-printable/1",
        "/a\n1",
        "",
        "/a" * 600,
    ],
)
def test_what_may_be_encoded_is_looked_at_each_time(text):
    assert outline(text) is None


@pytest.mark.parametrize("text", ["/4242424242424242", "/0171", "/12-34-5678", "/5f7a1c2e5f7a1c2e5f7a1c2e", "/AB1234"])
def test_what_may_be_more_than_an_id_stays_in_the_outline(text):
    assert outline(text) == text


def test_a_digest_in_a_path_is_kept_whatever_its_letters():
    chance, masker = random.Random(7), Masker()
    for _ in range(200):
        path = f"/v1/databases/{chance.getrandbits(128):032x}/query"
        assert masker.mask_alike(path) == path


@pytest.mark.parametrize(
    "outlined",
    ["/acme-{h}-Zq9XyKw3", "/flows/aB3dE9xQ2Lm/{u}", "/hooks/{u}/runs", "/api_key/{h}", "/{u}_Xy8pQ2"],
)
def test_where_an_id_may_be_a_part_of_a_key_each_text_is_looked_at(outlined):
    chance = random.Random(7)
    text = outlined.format(h=f"{chance.getrandbits(128):032x}", u=UUID(int=chance.getrandbits(128), version=4))
    assert is_in_doubt(outline(text))


@pytest.mark.parametrize(
    "outlined",
    ["/v1/databases/{h}/query", "/crm/v3/objects/contacts/{u}", "/v2/boards/{h}/items/{u}", "req_{h}", "{h}"],
)
def test_where_ids_stand_among_words_one_text_tells_of_all(outlined):
    chance = random.Random(7)
    text = outlined.format(h=f"{chance.getrandbits(128):032x}", u=UUID(int=chance.getrandbits(128), version=4))
    assert not is_in_doubt(outline(text))


def test_headers_are_looked_at_where_an_id_may_be_a_part_of_a_key():
    chance, alike = random.Random(7), Masker()
    for _ in range(100):
        value = f"/flows/aB3dE9xQ2Lm/{chance.getrandbits(128):032x}-Zq9XyKw3"
        assert mask_head([(b"x-flow", value.encode())], alike) == Masker().mask(f"x-flow: {value}")


def test_a_masker_remembers_a_bounded_number_of_outlines():
    masker = Masker()
    for number in range(1_200):
        masker.mask_alike(f"/{made('x', 9, number)}/a")
    assert len(masker._outlines) <= 512
