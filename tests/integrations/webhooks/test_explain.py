"""What the inspector shows of a verification, and what it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations.webhooks.explain import explain
from integrations.webhooks.schemes.registry import all_schemes, get_scheme
from secrets_vault.secret import Secret
from tests.integrations.webhooks import signing_by_key, signing_by_secret
from tests.integrations.webhooks.asking import keys_of, moment, request_of
from tests.integrations.webhooks.signer import NOW, Made, make

pytestmark = pytest.mark.matrix  # no database: one engine is enough

assert signing_by_key
assert signing_by_secret


def explained(name: str, made: Made, *, secret: str | None = None, at: float | None = None):
    secrets = [Secret(made.secret if secret is None else secret)]
    now = moment(made.now if at is None else at)
    return explain(request_of(made), get_scheme(name), secrets, now=now, keys=keys_of(made))


def test_a_right_signature_is_shown_with_its_beginning_only():
    made = make("stripe")
    said = explained("stripe", made)
    assert (said.verdict, said.reason, said.first_difference) == ("valid", "ok", None)
    assert said.signed_content == f"{int(made.now)}.".encode() + made.body
    assert said.expected_masked == said.received_masked == made.written[:8] + "****"


def test_the_first_character_that_differs_is_told():
    made = make("github")
    other = made.written[:40] + ("0" if made.written[40] != "0" else "1") + made.written[41:]
    headers = tuple((name, value.replace(made.written, other)) for name, value in made.headers)
    said = explained("github", replace(made, headers=headers))
    assert (said.verdict, said.reason, said.first_difference) == ("invalid", "mismatch", 40)


def test_a_body_that_something_trimmed_or_padded_on_the_way_is_recognised():
    made = make("github")
    assert "white space" in explained("github", replace(made, body=made.body + b"\n")).hint
    crlf = make("github", b"{}\r\n")
    assert "CR LF" in explained("github", replace(crlf, body=b"{}")).hint
    assert explained("github", replace(made, body=b"{}")).hint == ""


def test_a_stale_request_is_shown_with_its_right_signature():
    said = explained("slack", make("slack"), at=make("slack").now + 3600)
    assert (said.verdict, said.reason, said.first_difference) == ("invalid", "stale", None)


@pytest.mark.parametrize("name", [scheme.key for scheme in all_schemes()])
def test_nothing_of_the_secret_is_shown_and_nothing_is_raised(name):
    made = make(name)
    for secret in (made.secret, made.other_secret, ""):
        said = explained(name, made, secret=secret)
        shown = repr(said)
        assert said.verdict in ("valid", "invalid")
        assert not secret or secret not in shown or secret in made.body.decode() + made.url
    assert explained(name, replace(made, headers=(), url="https://keylodge.example/", body=b"")).verdict == "invalid"


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("paypal", b"t-1|2026-09-21T14:13:20Z|****|"),
        ("contentful", b"POST\n/hooks/acme\nx-contentful-signed-headers:"),
        ("aws_sns", b"Message\n{"),
        ("monday", b""),
    ],
)
def test_a_function_says_what_should_be_signed(name, beginning):
    said = explained(name, make(name))
    assert said.signed_content.startswith(beginning)
    assert bool(said.signed_content) == bool(beginning)
    assert explained(name, replace(make(name), headers=(), body=b"")).signed_content == b""


def test_a_secret_that_is_part_of_what_is_signed_is_masked_there():
    said = explained("hubspot_v1", make("hubspot_v1"))
    assert said.signed_content.startswith(b"****{")
    assert said.first_difference is None


@pytest.mark.parametrize("spoilt", [{"url": "https://keys.example/hooks/a\udc80"}, {"method": "\ud800"}])
@pytest.mark.parametrize("name", [scheme.key for scheme in all_schemes()])
def test_a_line_that_cannot_be_written_is_explained_without_bytes(name, spoilt):
    made = make(name)
    request = replace(request_of(made), **spoilt)
    said = explain(request, get_scheme(name), [Secret(made.secret)], now=moment(NOW), keys=keys_of(made))
    assert said.verdict == "invalid"
    assert said.signed_content == b""
