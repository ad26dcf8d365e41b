"""What vendors publish is read strictly, kept when it cannot be read, and holds in every process."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import WebhookEndpoint
from integrations.outbound import HostRefused
from integrations.webhooks import endpoints, published
from integrations.webhooks.published import BadList, read_ranges
from secrets_vault import generation
from secrets_vault.models import InstallationSetting
from tests.factories import make_client, make_webhook_endpoint
from tests.fake_upstream import FakeUpstream


def later() -> datetime:
    """Return a moment when a list that was just read is old."""
    return timezone.now() + timedelta(hours=7)


GITHUB = b'{"hooks": ["192.30.252.0/22", "2a0a:a440::/29"], "actions": ["4.0.0.0/8"], "domains": {"x": ["*.a.b"]}}'


@pytest.mark.parametrize(
    ("body", "where", "found"),
    [
        (b"3.18.12.63\n# a comment\n\n3.130.192.231  # and one here\r\n", "", ["3.130.192.231/32", "3.18.12.63/32"]),
        (GITHUB, "hooks", ["192.30.252.0/22", "2a0a:a440::/29"]),
        (b'["1.2.3.4", {"ip": "5.6.7.0/24", "name": "eu.west.1.x"}]', "", ["1.2.3.4/32", "5.6.7.0/24"]),
    ],
)
def test_a_published_list_is_read(body, where, found):
    assert read_ranges(body, where=where) == found


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", ""),
        (b"<html>Not found</html>", ""),
        (b"0.0.0.0/0\n", ""),
        (b"1.2.3.4\n::/0\n", ""),
        (b"10.0.0.0/7", ""),
        (GITHUB, "webhooks"),
        (b'{"hooks": []}', "hooks"),
        (b"{broken", ""),
        (b"\xff\xfe", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_what_is_no_list_of_addresses_is_refused(body, where):
    with pytest.raises(BadList):
        read_ranges(body, where=where)


def say(vendor: FakeUpstream, body: bytes = b"", *, status: int = 200) -> None:
    """Let the vendor answer this from now on."""
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nLocation: https://elsewhere.example/\r\n\r\n"
    vendor.answers = [head.encode() + body]


@pytest.fixture
def vendor(monkeypatch, settings) -> Any:
    """Yield a vendor whose list stands on loopback."""
    with FakeUpstream() as fake:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [fake.host]
        sender = SimpleNamespace(ip_list_url=f"{fake.url}/list")
        monkeypatch.setattr(published, "get_scheme", lambda key: SimpleNamespace(sender=sender))
        yield fake


@pytest.mark.django_db
def test_a_list_is_refreshed_and_told_to_every_process(vendor, django_capture_on_commit_callbacks):
    endpoint = make_webhook_endpoint(make_client(), uses_published_ips=True)
    assert endpoints.known(endpoint).networks == ()
    say(vendor, b"203.0.113.0/24\n")
    before = generation.current()

    with django_capture_on_commit_callbacks(execute=True):
        assert published.refresh(timezone.now()) == 1

    assert published.ranges("stripe") == ["203.0.113.0/24"]
    assert generation.current() > before
    assert [str(network) for network in endpoints.known(endpoint).networks] == ["203.0.113.0/24"]
    assert len(vendor.requests) == 1
    assert published.refresh(timezone.now()) == 0
    assert len(vendor.requests) == 1
    assert published.refresh(later()) == 0
    assert len(vendor.requests) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("answer", [{"status": 500}, {"body": b"<html>"}, {"status": 302, "body": b"1.2.3.4"}])
def test_a_list_that_cannot_be_read_leaves_the_old_one(vendor, answer):
    make_webhook_endpoint(make_client(), uses_published_ips=True)
    say(vendor, b"203.0.113.0/24\n")
    published.refresh(timezone.now())
    say(vendor, **answer)

    assert published.refresh(later()) == 0
    assert len(vendor.requests) == 2
    assert published.ranges("stripe") == ["203.0.113.0/24"]


@pytest.mark.django_db
def test_only_lists_that_are_used_are_fetched(vendor):
    make_webhook_endpoint(make_client())
    WebhookEndpoint.objects.update(uses_published_ips=False)

    published.refresh(timezone.now())

    assert not vendor.requests


@pytest.mark.django_db
def test_a_key_is_fetched_once_and_kept_for_a_day(vendor):
    url = f"{vendor.url}/key.pem"
    say(vendor, b"-----BEGIN PUBLIC KEY-----")

    assert published.fetch_key(url) == b"-----BEGIN PUBLIC KEY-----"

    read_at = InstallationSetting.objects.get().updated_at
    assert published.key(url, now=read_at + timedelta(hours=23)) == b"-----BEGIN PUBLIC KEY-----"
    assert published.key(url, now=read_at + timedelta(hours=25)) is None
    assert published.key(f"{url}?other", now=read_at) is None


@pytest.mark.django_db
def test_an_old_key_counts_while_the_vendors_place_is_away(vendor):
    url = f"{vendor.url}/key.pem"
    say(vendor, b"a key")
    published.fetch_key(url)
    say(vendor, status=503)

    assert published.fetch_key(url) == b"a key"
    assert published.fetch_key(f"{vendor.url}/other") is None


@pytest.mark.django_db
def test_a_key_on_a_private_address_is_not_fetched(settings):
    with FakeUpstream() as inside:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = []
        assert published.fetch_key(f"{inside.url}/key") is None
        with pytest.raises(HostRefused):
            published._fetched(f"{inside.url}/key", most=100)
        assert not inside.requests
