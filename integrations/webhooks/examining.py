"""What `doctor` and `restore` look at: whether every sealed row of webhooks opens, and whether nothing dangles."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db.models import Q

from integrations.models import WebhookEndpoint, WebhookEvent, WebhookTarget
from integrations.webhooks import sealing
from integrations.webhooks.endpoints import NO_VERIFICATION, scheme_of
from secrets_vault.doctor import Finding
from secrets_vault.row_checks import Opening

LARGEST_OPENED = 1024 * 1024  # a larger body is read by nobody but the forwarder: opening all would take hours


def sealed_rows() -> Iterator[Opening]:
    """Give every address, head and body that should open, by name."""
    for target in WebhookTarget.objects.select_related("endpoint__client").iterator(chunk_size=500):
        yield f"webhook target {target.pk}", partial(sealing.open_url, target, client=target.endpoint.client)
    kept = WebhookEvent.objects.filter(forgotten_at=None)
    for event in kept.defer("body_sealed").iterator(chunk_size=500):
        yield f"webhook event {event.pk} head", partial(sealing.open_head, event)
    small = kept.filter(body_bytes__lte=LARGEST_OPENED)
    for event in small.only("id", "client_id", "body_sealed").iterator(chunk_size=50):
        yield f"webhook event {event.pk} body", partial(sealing.open_body, event)


def endpoints_are_whole() -> Finding:
    """Name endpoints whose scheme or secret is gone, and targets whose signing secret is."""
    bad = [*_without_scheme(), *_without_secret(), *_unsigned()]
    if not bad:
        return Finding("webhooks", True, f"{WebhookEndpoint.objects.count()} endpoints are whole")
    todo = "Open each endpoint's page: choose its scheme, bring its secret back under Vault, or give it another."
    return Finding("webhooks", False, "; ".join(bad[:10]), todo)


def _without_scheme() -> Iterator[str]:
    rows = WebhookEndpoint.objects.filter(disabled_at=None).exclude(scheme_key=NO_VERIFICATION)
    for endpoint in rows:
        if scheme_of(endpoint) is None:
            yield f"the scheme of {endpoint.slug} is not known here"


def _without_secret() -> Iterator[str]:
    gone = WebhookEndpoint.objects.filter(Q(secret__current=None) | Q(secret__deleted_at__isnull=False))
    for slug in gone.filter(disabled_at=None, secret__isnull=False).values_list("slug", flat=True):
        yield f"the secret of {slug} was deleted"


def _unsigned() -> Iterator[str]:
    gone = Q(signing_secret__current=None) | Q(signing_secret__deleted_at__isnull=False)
    rows = WebhookTarget.objects.filter(gone, signing_secret__isnull=False)
    for slug in rows.values_list("endpoint__slug", flat=True).distinct():
        yield f"what {slug} hands on is not signed: its signing secret was deleted"
