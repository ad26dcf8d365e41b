"""When a key ends, as its provider says in the answer to the test call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from integrations import outbound
from integrations.connections import connect_key, create_connection
from integrations.connections.probing import probe
from integrations.connections.told_end import end_in
from integrations.probe_call import ProbeAnswer
from integrations.providers.registry import get_provider
from secrets_vault import rotation
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEADER = b"GitHub-Authentication-Token-Expiration"


@pytest.mark.parametrize(
    ("key", "headers", "body", "at"),
    [
        # google/go-github parseTokenExpiration and github/gh-aw issue 20097 show both ways of writing it.
        ("github", [(HEADER, b"2027-10-07 19:07:53 UTC")], {}, datetime(2027, 10, 7, 19, 7, 53, tzinfo=UTC)),
        ("github", [(HEADER, b"2027-10-07 21:07:53 +0200")], {}, datetime(2027, 10, 7, 19, 7, 53, tzinfo=UTC)),
        ("github", [], {}, None),
        ("github", [(HEADER, b"2020-10-07 19:07:53 UTC")], {}, None),
        ("github", [(HEADER, b"9999-10-07 19:07:53 UTC")], {}, None),
        ("github", [(HEADER, b"soon" * 4000)], {}, None),
        # developers.cloudflare.com/fundamentals/api/troubleshooting
        ("cloudflare", [], {"result": {"expires_on": "2027-01-01T00:00:00Z"}}, datetime(2027, 1, 1, tzinfo=UTC)),
        ("cloudflare", [], {"result": {"status": "active"}}, None),
        ("cloudflare", [], {"result": {"expires_on": 7}}, None),
        # docs.gitlab.com/api/personal_access_tokens: a date, at whose midnight (UTC) the token ends
        ("gitlab", [], {"expires_at": "2027-05-01"}, datetime(2027, 5, 1, tzinfo=UTC)),
        ("gitlab", [], {"expires_at": None}, None),
        ("stripe", [(HEADER, b"2027-10-07 19:07:53 UTC")], {"expires_at": "2027-05-01"}, None),
    ],
)
def test_an_end_is_read_where_the_facts_say_and_nonsense_is_not_taken(key, headers, body, at):
    answer = ProbeAnswer(200, json.dumps(body).encode(), headers=tuple(headers))
    assert end_in(get_provider(key).of_kind("api_key"), answer, now=NOW) == at


def connected(client, provider, kind="api_key"):
    about = {"actor": COMMAND, "now": NOW}
    made = create_connection(client, client.environments.first(), provider_key=provider, kind=kind, **about)
    connect_key(made, {"api_key": Secret("ghp_" + "a" * 36)}, made_on=NOW.date(), **about)
    made.refresh_from_db()
    return made


def answering(at):
    return lambda *_, **__: outbound.Answer(200, ((HEADER, at.strftime("%Y-%m-%d %H:%M:%S UTC").encode()),), b"{}")


def test_it_is_kept_with_the_version_once_and_the_board_of_rotations_counts_by_it():
    made, ends = connected(make_client(), "github"), NOW + timedelta(days=9)
    for _twice in (1, 2):
        assert probe(made, actor=COMMAND, now=NOW, send=answering(ends)).is_good
    made.secret.current.refresh_from_db()
    assert made.secret.current.expires_at == ends
    due = rotation.due(made.secret, NOW.date())
    assert (due.rule, due.on) == (rotation.Rule.EXPIRY, ends.date())
    assert AuditEvent.objects.filter(action="secret.end_told").count() == 1


def test_a_refused_key_says_nothing_of_its_end():
    made = connected(make_client(), "github")
    refused = outbound.Answer(401, ((HEADER, b"2027-10-07 19:07:53 UTC"),), b"{}")
    probe(made, actor=COMMAND, now=NOW, send=lambda *_, **__: refused)
    made.secret.current.refresh_from_db()
    assert made.secret.current.expires_at is None
