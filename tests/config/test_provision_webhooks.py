"""A webhook endpoint as part of a client's file."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from config.provision import BadFile, provision
from integrations.models import WebhookEndpoint
from integrations.webhooks import sealing
from secrets_vault import audit, vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, SecretVersion
from secrets_vault.secret import Secret
from tests.config.test_provision import everything
from tests.factories import make_client, make_webhook_delivery, make_webhook_endpoint, make_webhook_event

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WHSEC = "whsec_canary00000000000000000001"
OTHER = "whsec_canary00000000000000000002"
N8N = "https://n8n.example/webhook/capability-1"
MAKE = "https://hook.make.com/capability-2"

FILE = f"""
[[client]]
slug = "acme"
name = "Acme Ltd"
environments = ["production", "staging"]

[[client.webhook_endpoint]]
slug = "acme-stripe"
scheme = "stripe"
secret = {{ env = "WHSEC" }}
made_on = 2026-08-01
rotate_after_days = 60
forward_to = ["{N8N}"]
ip_ranges = ["192.0.2.0/24"]
"""

CUSTOM = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.webhook_endpoint]]
slug = "acme-own"
scheme = "custom"
secret = { value = "a-shared-secret" }
[client.webhook_endpoint.custom]
[[client.webhook_endpoint.custom.proofs]]
kind = "hmac"
signature = "header:X-Signature"
signed = "{ts}.{body}"
[client.webhook_endpoint.custom.timestamp]
place = "header:X-Time"
"""


@pytest.fixture
def apply(tmp_path):
    """Apply a text and return the answer."""

    def run(text: str, **environ: str):
        file = tmp_path / "acme.toml"
        file.write_text(text)
        return provision(file, now=NOW, environ={"WHSEC": WHSEC} | environ)

    return run


def urls_of(endpoint: WebhookEndpoint) -> list[str]:
    return [sealing.open_url(target, client=endpoint.client).expose() for target in endpoint.targets.all()]


def test_an_endpoint_is_made_with_its_secret_and_its_target(apply):
    answer = apply(FILE)
    endpoint = WebhookEndpoint.objects.get()
    assert answer["clients"]["acme"]["webhook_endpoints"] == {
        "acme-stripe": {"url": "http://localhost:8000/hooks/acme-stripe"}
    }
    assert (endpoint.scheme_key, endpoint.ip_ranges, endpoint.is_verified_required) == (
        "stripe",
        ["192.0.2.0/24"],
        True,
    )
    assert endpoint.environment.slug == "production"
    assert vault.use(endpoint.secret, actor=COMMAND, purpose="test")["secret"] == Secret(WHSEC)
    assert (endpoint.secret.current.made_on, endpoint.secret.rotate_after_days) == (date(2026, 8, 1), 60)
    assert urls_of(endpoint) == [N8N]
    assert endpoint.targets.get().signing_secret.client == endpoint.client
    assert "clients.acme.webhook_endpoints.acme-stripe" in answer["changed"]


def test_neither_answer_nor_book_nor_database_holds_the_secret_or_the_address(apply):
    answer = apply(FILE)
    said = repr(answer) + repr(list(AuditEvent.objects.values())) + repr(list(WebhookEndpoint.objects.values()))
    said += repr(list(WebhookEndpoint.objects.get().targets.values("url_masked", "name")))
    assert "canary" not in said
    assert "capability" not in said
    assert audit.verify().ok


def test_the_same_file_twice_changes_nothing(apply):
    apply(FILE)
    before = everything()
    assert apply(FILE)["changed"] == []
    assert everything() == before


def test_a_differing_secret_is_a_new_version_and_the_one_before_counts_for_a_day(apply):
    apply(FILE)
    answer = apply(FILE, WHSEC=OTHER)
    endpoint = WebhookEndpoint.objects.get()
    assert answer["changed"] == ["clients.acme.webhook_endpoints.acme-stripe.secret"]
    assert endpoint.secret.versions.count() == 2
    assert vault.use(endpoint.secret, actor=COMMAND, purpose="test")["secret"] == Secret(OTHER)
    assert endpoint.secret.versions.get(number=1).state == SecretVersion.State.GRACE
    assert endpoint.previous_until - timezone.now() > timedelta(hours=23)


def test_what_the_file_does_not_name_is_left_alone(apply):
    apply(FILE)
    WebhookEndpoint.objects.update(per_minute=30, is_ordered=True)
    short = FILE.replace('ip_ranges = ["192.0.2.0/24"]', "").replace(f'forward_to = ["{N8N}"]', "")
    assert apply(short.replace('secret = { env = "WHSEC" }', ""))["changed"] == []
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.per_minute, endpoint.is_ordered, endpoint.ip_ranges) == (30, True, ["192.0.2.0/24"])
    assert urls_of(endpoint) == [N8N]


def test_what_differs_is_changed_and_named(apply):
    apply(FILE)
    wanted = FILE.replace('"192.0.2.0/24"', "").replace('"stripe"', '"github"').replace("2026-08-01", "2026-09-01")
    answer = apply(wanted.replace("rotate_after_days = 60", "rotate_after_days = 30\nper_minute = 90"))
    assert {path.rpartition("acme-stripe.")[2] for path in answer["changed"]} == {
        "scheme",
        "ip_ranges",
        "per_minute",
        "secret.made_on",
        "secret.rotate_after_days",
    }
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.scheme_key, endpoint.ip_ranges, endpoint.per_minute) == ("github", [], 90)
    assert endpoint.secret.current.made_on == date(2026, 9, 1)


def test_a_new_secret_is_rotated_as_often_as_the_same_file_says(apply):
    apply(FILE)
    wanted = FILE.replace("rotate_after_days = 60", "rotate_after_days = 30")
    answer = apply(wanted, WHSEC="whsec_another-canary")
    assert {path.rpartition("acme-stripe.")[2] for path in answer["changed"]} == {"secret", "secret.rotate_after_days"}
    assert WebhookEndpoint.objects.get().secret.rotate_after_days == 30


def test_an_address_that_takes_anothers_place_gets_what_waits(apply):
    apply(FILE)
    endpoint = WebhookEndpoint.objects.get()
    target = endpoint.targets.get()
    waiting = make_webhook_delivery(make_webhook_event(endpoint), target)
    endpoint.targets.update(breaker_state="open", failures_in_row=9)
    assert apply(FILE.replace(N8N, MAKE))["changed"] == ["clients.acme.webhook_endpoints.acme-stripe.forward_to"]
    assert urls_of(endpoint) == [MAKE]
    waiting.refresh_from_db()
    assert waiting.target == endpoint.targets.get() == target
    assert (waiting.target.breaker_state, waiting.target.failures_in_row) == ("closed", 0)


def test_an_address_for_which_events_wait_is_not_taken_away(apply):
    apply(FILE)
    endpoint = WebhookEndpoint.objects.get()
    delivery = make_webhook_delivery(make_webhook_event(endpoint), endpoint.targets.get())
    with pytest.raises(BadFile, match=r"acme\.toml:13: client\.webhook_endpoint\.forward_to: 1 events still wait"):
        apply(FILE.replace(f'["{N8N}"]', "[]"))
    assert urls_of(endpoint) == [N8N]
    delivery.delete()
    apply(FILE.replace(f'["{N8N}"]', "[]"))
    assert urls_of(endpoint) == []


def test_a_scheme_of_ones_own_is_kept_as_it_was_written(apply):
    apply(CUSTOM)
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.scheme_key == "custom"
    assert endpoint.custom["proofs"][0]["signed"] == "{ts}.{body}"
    assert apply(CUSTOM)["changed"] == []
    assert apply(CUSTOM.replace("X-Time", "X-When"))["changed"] == ["clients.acme.webhook_endpoints.acme-own.custom"]


def test_a_public_key_may_have_several_lines(apply):
    pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw\n-----END PUBLIC KEY-----"
    apply(FILE, WHSEC=pem)
    stored = WebhookEndpoint.objects.get().secret
    assert vault.use(stored, actor=COMMAND, purpose="test")["secret"] == Secret(pem)


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "reason"),
    [
        ('scheme = "stripe"', 'scheme = "strype"', 9, "scheme", "there is no webhook scheme strype"),
        ('scheme = "stripe"', 'scheme = "none"', 9, "scheme", "on its page only"),
        ('scheme = "stripe"', 'scheme = "custom"', 7, "custom", "belong together"),
        ('scheme = "stripe"', "", 7, "scheme", "is missing"),
        ('slug = "acme-stripe"', 'slug = "Acme Stripe"', 8, "slug", "lower case"),
        ('slug = "acme-stripe"', 'slug = "new"', 8, "slug", "the address of a page"),
        ('secret = { env = "WHSEC" }', 'secret = { env = "NOPE" }', 10, "secret", "no variable NOPE"),
        ('secret = { env = "WHSEC" }', "", 7, "secret", "is missing"),
        (f'"{N8N}"', '"ftp://n8n.example/x"', 13, "forward_to", "must be http"),
        (f'"{N8N}"', '"https://u:p4ssw0rd@n8n.example/x"', 13, "forward_to", "must be http"),
        (f'"{N8N}"', '"http://127.0.0.1:8000/hooks/acme-stripe"', 13, "forward_to", "go round in a circle"),
        (f'"{N8N}"', ", ".join(f'"https://n8n.example/{n}"' for n in range(21)), 13, "forward_to", "at most 20"),
        (f'["{N8N}"]', f'"{N8N}"', 13, "forward_to", "must be a list"),
        ('"192.0.2.0/24"', '"192.0.2.999"', 14, "ip_ranges", "must be addresses"),
        ("made_on = 2026-08-01", "made_on = 2027-08-01", 11, "made_on", "in the future"),
        ("rotate_after_days", 'environment = "moon"\nrotate_after_days', 12, "environment", "has no environment moon"),
        ("rotate_after_days", 'verify = false\nrotate_after_days', 12, "verify", "is not a known key"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_and_nothing_is_written(apply, old, new, line, field, reason):
    before = everything()
    with pytest.raises(BadFile) as refused:
        apply(FILE.replace(old, new))
    assert f"acme.toml:{line}: client.webhook_endpoint.{field}: " in str(refused.value)
    assert reason in str(refused.value)
    assert "p4ssw0rd" not in str(refused.value)
    assert "canary" not in str(refused.value)
    assert everything() == before


@pytest.mark.parametrize(
    ("old", "new", "field", "reason"),
    [
        ("{ts}.{body}", "{ts}.{payload}", "custom.proofs", "is no token"),
        ('kind = "hmac"', 'kind = "magic"', "custom.proofs", "must be"),
        ('place = "header:X-Time"', 'place = "header:X-Time"\nunits = "s"', "custom.timestamp.units", ""),
    ],
)
def test_a_bad_parameter_of_ones_own_scheme_is_named(apply, old, new, field, reason):
    with pytest.raises(BadFile) as refused:
        apply(CUSTOM.replace(old, new))
    assert f"client.webhook_endpoint.{field}" in str(refused.value)
    assert reason in str(refused.value)
    assert not WebhookEndpoint.objects.exists()


def test_a_slug_of_another_client_is_taken(apply):
    make_webhook_endpoint(make_client("Beta"), "acme-stripe")
    with pytest.raises(BadFile, match="acme-stripe is taken in this installation"):
        apply(FILE)


def test_a_slug_named_twice_is_refused(apply):
    again = FILE[FILE.index("[[client.webhook_endpoint]]") :]
    with pytest.raises(BadFile, match="acme-stripe is named twice"):
        apply(FILE + again)


def test_a_file_makes_an_endpoint_verify_again(apply):
    apply(FILE)
    WebhookEndpoint.objects.update(scheme_key="none", is_verified_required=False)
    apply(FILE)
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.scheme_key, endpoint.is_verified_required) == ("stripe", True)
