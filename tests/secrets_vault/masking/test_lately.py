"""A library may log what it was given: the values that this process has in hand come out covered."""

import base64
import io
import json
import logging
from urllib.parse import quote

import pytest
from django.conf import settings

from secrets_vault import keys, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.masking import lately
from secrets_vault.masking.lately import LASTS_S, MOST, OpenedLately
from secrets_vault.masking.log_format import MaskingFormatter
from secrets_vault.secret import Secret
from tests.factories import make_client

# No shape, no name: nothing but the register can know it.
PLAIN = "quiet lantern / under + elm"


@pytest.fixture(autouse=True)
def forgotten():
    lately.LATELY.forget()
    yield
    lately.LATELY.forget()


def line(text: str) -> str:
    """Return a line as a library's logger writes it in web, worker and beat."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(MaskingFormatter(known=lately.known))
    logger = logging.Logger("aiohttp.client")
    logger.addHandler(handler)
    logger.debug("sending %s", text)
    return out.getvalue()


def stored(kind="api_key", name="api_key", value=PLAIN):
    acme = make_client()
    return vault.store(
        actor=SYSTEM,
        client=acme,
        environment=acme.environments.first(),
        kind=kind,
        label="A key",
        fields={name: Secret(value)},
    )


@pytest.mark.django_db
def test_a_credential_in_use_is_covered_in_every_dress():
    key = stored()
    lately.LATELY.forget()
    assert PLAIN in line(PLAIN)
    vault.use(key, actor=SYSTEM, purpose="test")
    dresses = [PLAIN, quote(PLAIN, safe=""), json.dumps(PLAIN), PLAIN.encode().hex(), repr(PLAIN.encode())]
    dresses += [base64.b64encode(lead + PLAIN.encode()).decode() for lead in (b"", b"a", b"ab")]
    for dress in dresses:
        assert "****" in line(dress), dress
        assert "lantern" not in line(dress)


@pytest.mark.django_db
def test_a_value_just_stored_is_covered_too():
    stored()
    assert "lantern" not in line(f"INSERT … {PLAIN}")


@pytest.mark.django_db
def test_a_sealed_column_is_covered_and_a_session_is_not_kept():
    vault.seal_text("wandering violet comet", field="mfa", row_id=make_client().pk)
    assert "violet" not in line("wandering violet comet")
    before = len(lately.LATELY)
    vault.seal_text('{"_auth_user_id":"1234567890"}', field="session", row_id=make_client("b").pk)
    assert len(lately.LATELY) == before


@pytest.mark.django_db
def test_a_user_name_and_a_short_word_of_an_env_stay_readable():
    stored("key_value_set", "STAGE", "production")
    assert "production" in line("in production")


@pytest.mark.django_db
def test_a_locked_vault_leaves_nothing_in_the_register():
    stored()
    keys.forget()
    assert len(lately.LATELY) == 0


def test_the_register_keeps_few_values_for_a_while_and_wipes_the_rest():
    now = [0.0]
    register = OpenedLately(clock=lambda: now[0])
    for number in range(MOST + 10):
        register.note(f"value number {number}".encode())
    assert len(register) == MOST
    assert not register.is_in("value number 3.")
    kept = next(iter(register._kept.values()))
    assert register.is_in(f"value number {MOST + 9}")
    now[0] = LASTS_S + 1
    assert not register.is_in(f"value number {MOST + 9}")
    assert len(register) == 0
    assert bytes(kept.plain) == bytes(len(kept.plain))


@pytest.mark.parametrize("odd", [b"", b"short", b"\xff\xfe" * 20, b"x" * 1_000_000, None, "text"])
def test_noting_never_raises(odd):
    register = OpenedLately()
    register.note(odd)
    list(register.find("a line"))


def test_every_process_of_ours_asks_the_register():
    assert settings.LOGGING["formatters"]["masked"]["known"] == "ext://secrets_vault.masking.lately.known"
    formatter = logging.getLogger().handlers[0].formatter
    ours = [h.formatter for h in logging.getLogger().handlers if isinstance(h.formatter, MaskingFormatter)]
    assert any(f._known is lately.known for f in ours), formatter
