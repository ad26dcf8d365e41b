"""What is called for a rotation, a link, a consent or an end counts with the provider, as the calls of callers do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import connections, ledger, offboarding
from integrations.connections.trying import try_values
from integrations.gateway.quota import closed, rules
from integrations.gateway.quota.rules import Learnt
from integrations.gateway.quota.window import State
from integrations.gateway.route import whose_of
from integrations.models import Connection
from integrations.oauth import flow
from integrations.rotating.trying import try_version
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.integrations.gateway.conftest import upstream  # noqa: F401 - a fixture
from tests.integrations.gateway.quota.test_calls import limited, states_are_rows  # noqa: F401 - fixtures
from tests.integrations.gateway.quota.test_permits import callers_get_the_rest, probing_provider
from tests.integrations.links.conftest import vendor  # noqa: F401 - a fixture
from tests.integrations.links.vendor import GOOD, OTHERS, RETIRED, make_key_connection
from tests.integrations.oauth.conftest import (  # noqa: F401 - fixtures
    ada,
    connection,
    reachable,
    sandbox,
    shared_sandbox,
)
from tests.integrations.oauth.world import NOW, OTHER_PORTAL, PORTAL, begin, connected, consent_at, make_connection
from tests.integrations.offboarding.test_machines import leaving, signing

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = {"bucket": "hour", "limit": 5, "window_s": 3600, "per": "per account", "scope": "account"}


def counted(row: Connection, *, bucket: str = "hour", scope: str = "account") -> int:
    """Return how many calls count in a connection's quota."""
    _, raw = ledger.read(f"quota {whose_of(row).key(scope)}:{bucket}:5/3600")
    return sum(State.load(raw).counts.values())


@pytest.fixture
def rotating(limited):  # noqa: F811
    """A connection of which five calls an hour may be made, and its world."""
    world = limited(3600)
    return world, probing_provider(world)


def tried(row: Connection) -> str:
    version = row.secret.current
    return try_version(row, version).outcome


def test_the_trial_of_a_rotated_key_takes_from_what_callers_may_use(rotating):
    world, row = rotating
    assert [tried(row) for _ in range(4)] == ["works"] * 4
    callers_get_the_rest(world, taken=4)


def test_a_rotation_goes_on_where_callers_have_used_the_limit_up(rotating):
    world, row = rotating
    assert [tried(row) for _ in range(7)] == ["works"] * 7
    assert len(world.upstream.requests) == counted(row, bucket="burst", scope="connection") == 7


def test_a_rotation_goes_on_where_the_provider_has_closed_the_quota(rotating):
    _, row = rotating
    now_s = timezone.now().timestamp()
    until = {whose_of(row).key("connection"): closed.Closed(now_s + 3600, now_s)}
    ledger.change(closed.KEY, lambda _: (closed._dump(until), None), lives_s=3600)
    assert tried(row) == "works"
    assert counted(row, bucket="burst", scope="connection") == 1


def test_a_trial_touches_no_quota_of_another_connection(rotating):
    _, row = rotating
    beside = Connection.objects.create(
        slug="acme-beside",
        client=row.client,
        environment=row.environment,
        provider_key=row.provider_key,
        kind=row.kind,
        secret=row.secret,
    )
    tried(row)
    assert counted(row, bucket="burst", scope="connection") == 1
    assert counted(beside, bucket="burst", scope="connection") == 0


@pytest.fixture
def gadgets(vendor):  # noqa: F811
    """A connection to the vendor that has a key, and may make five calls an hour with all others of its account."""
    row = make_key_connection(make_client(), vendor, facts={"limits": [HOUR]})
    connections.connect_key(row, {"api_key": Secret(RETIRED)}, actor=SYSTEM, now=timezone.now())
    connections.probe(row, actor=SYSTEM)
    row = Connection.objects.get()
    assert row.account_id == "acc-acme"
    return row


@pytest.mark.parametrize(
    ("key", "outcome", "counts"),
    [(GOOD, "works", 1), (OTHERS, "other_account", 0), ("gk_" + "d4" * 16, "refused", 0)],
)
def test_what_a_client_typed_counts_where_it_is_of_the_connections_account(gadgets, key, outcome, counts):
    before = counted(gadgets)
    assert try_values(gadgets, {"api_key": Secret(key)}, variables={}).outcome == outcome
    assert counted(gadgets) - before == counts


def test_the_first_key_of_a_connection_counts_nowhere(vendor):  # noqa: F811
    row = make_key_connection(make_client(), vendor, facts={"limits": [HOUR]})
    assert try_values(row, {"api_key": Secret(GOOD)}, variables={}).outcome == "works"
    assert counted(row) == 0


def test_the_look_up_of_an_account_counts_where_it_is_the_connections_own(reachable, ada):  # noqa: F811
    row = make_connection(reachable.line, user=ada, limits=[HOUR])
    connected(reachable, row, ada)
    assert (row.account_id, counted(row)) == (PORTAL, 0)  # nobody could have called with it yet
    connected(reachable, row, ada, now=NOW + timedelta(minutes=1))
    assert counted(row) == 1
    other = consent_at(reachable, begin(row, ada), account=OTHER_PORTAL)
    assert flow.finish(other.callback(), user=ada, now=NOW).other_account is not None
    assert counted(row) == 1


def test_the_proof_that_a_key_is_dead_counts_whatever_it_shows(ada):  # noqa: F811
    row, endpoint, client = signing(assertion={"style": "token"})
    learnt = rules.dump([Learnt("hour", "hour", 5, 3600)])
    ledger.change(f"quotas learnt {row.pk}", lambda _: (learnt, None), lives_s=3600)
    item = leaving(client, ada, send=endpoint).items.get(kind="key")
    for status, times in ((401, 1), (200, 2)):
        endpoint.probe_status = status
        offboarding.check_item(item, actor=Actor.of(ada), now=NOW, send=endpoint)
        assert counted(row, scope="connection") == times == len(endpoint.probed)
