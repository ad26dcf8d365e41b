"""Whatever a stranger sends, the answer is a verdict or a refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.webhooks.explain import explain
from integrations.webhooks.places import place
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.registry import all_schemes, get_scheme
from integrations.webhooks.schemes.shape import Scheme
from integrations.webhooks.verdicts import REASONS
from integrations.webhooks.verify import Handshake, Refused, Verified, verify
from secrets_vault.secret import Secret
from tests.integrations.webhooks import signing_by_key, signing_by_secret
from tests.integrations.webhooks.asking import keys_of, moment, request_of
from tests.integrations.webhooks.signer import NOW, Made, make

pytestmark = pytest.mark.matrix  # no database: one engine is enough

assert signing_by_key
assert signing_by_secret
SCHEMES = [scheme.key for scheme in all_schemes()]
BY_FUNCTION = ("authorization", "plaid-verification", "x-contentful-signature", "x-contentful-signed-headers")
PAYPAL = ("paypal-transmission-id", "paypal-transmission-sig", "paypal-cert-url", "paypal-auth-algo")

values = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [b"", b"v1,", b"t=1790000000,v1=", b"1790000000", b"=" * 44, b"A" * 64, b",,,", b"a.b.c", b"JWT e30.e30."]
    ),
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def bodies(draw: st.DrawFn, body: bytes) -> bytes:
    """Give a body near the right one, or any other."""
    at, end = draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))
    near = body[:at] + draw(st.binary(max_size=8)) + body[end:]
    return draw(st.one_of(st.just(body), st.just(near), st.binary(max_size=80), documents.map(written)))


def written(document: object) -> bytes:
    import json

    return json.dumps(document).encode()


@st.composite
def requests(draw: st.DrawFn, name: str) -> WebhookRequest:
    """Give a right request with some of it changed, doubled, left out or added."""
    made = request_of(make(name))
    names = st.sampled_from(names_of(get_scheme(name), made))
    headers = [pair for pair in made.headers if draw(st.integers(0, 5))]
    changed = [(known, draw(values) if not draw(st.integers(0, 3)) else value) for known, value in headers]
    added = draw(st.lists(st.tuples(names, values), max_size=3))
    query = draw(st.one_of(st.just(""), st.text(max_size=30).map(lambda text: f"?{text}"), st.just("?challenge=%ff")))
    return WebhookRequest(
        draw(st.sampled_from(["POST", "POST", "GET", "HEAD", "PUT", "\ud800"])),
        made.url + query,
        (*changed, *added),
        draw(bodies(made.body)),
    )


def names_of(scheme: Scheme, made: WebhookRequest) -> list[str]:
    """Return the headers that the scheme reads, and some that it does not."""
    places = [proof.signature for proof in scheme.proofs if proof.signature]
    places += [scheme.timestamp.place] if scheme.timestamp else []
    places += scheme.id.places if scheme.id else ()
    named = [place(text).name.lower() for text in places if text.startswith("header:") and "*" not in text]
    return [*named, *(name for name, _value in made.headers), *BY_FUNCTION, *PAYPAL, "x-other"]


def judge(name: str, request: WebhookRequest, made: Made) -> None:
    """Ask for a verdict, and see that it is one."""
    secrets = [Secret(made.secret), Secret(made.other_secret)]
    try:
        said: object = verify(request, get_scheme(name), secrets, now=moment(NOW), keys=keys_of(made))
    except Refused as refusal:
        said = refusal
    if isinstance(said, Verified):
        assert len(said.replay_digest) == 32
        assert said.event_id is None or (said.event_id.isprintable() and len(said.event_id) <= 200)
    elif isinstance(said, Refused):
        assert said.reason in REASONS
        assert said.why
    else:
        assert isinstance(said, Handshake)


@pytest.mark.parametrize("name", SCHEMES)
def test_anything_gets_a_verdict_or_a_refusal(name):
    ask_often(name, times=100)


@pytest.mark.soak
@pytest.mark.parametrize("name", SCHEMES)
def test_anything_gets_a_verdict_or_a_refusal_ten_thousand_times_a_scheme(name):
    ask_often(name, times=10_000)


def ask_often(name: str, *, times: int) -> None:
    made = make(name)

    @settings(max_examples=times, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(request=requests(name))
    def ask(request: WebhookRequest) -> None:
        judge(name, request, made)

    ask()


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_anything_can_be_explained(data):
    name = data.draw(st.sampled_from(SCHEMES))
    made = make(name)
    request = data.draw(requests(name))
    said = explain(request, get_scheme(name), [Secret(made.secret)], now=moment(NOW), keys=keys_of(made))
    assert said.verdict in ("valid", "invalid", "handshake")


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(secret=st.binary(max_size=40), data=st.data())
def test_any_secret_gets_a_verdict_or_a_refusal(secret, data):
    name = data.draw(st.sampled_from(SCHEMES))
    made = replace(make(name), other_secret="")
    with pytest.raises(Refused):
        verify(request_of(made), get_scheme(name), [Secret(secret)], now=moment(NOW), keys=keys_of(made))
