"""Every act has somebody who did it, by an id of their own."""

from __future__ import annotations

import pytest

from integrations.models import GatewayToken
from secrets_vault.models import AuditEvent, User
from tests.house.route_table import ROWS, routes
from tests.house.test_access_matrix import mine_of
from tests.house.test_overposting import ENDS_SESSIONS, FINE, NO_REAL_PASSKEY
from tests.house.world import make_world

pytestmark = [pytest.mark.django_db, pytest.mark.matrix]
POSTED = [route for route in routes() if "post" in ROWS[route.name].methods]
LEFT_OUT = (*ENDS_SESSIONS, *NO_REAL_PASSKEY)


def test_every_event_names_who_did_it():
    world = make_world()
    browser = world.browser_of("manager")
    for route in [route for route in POSTED if route.name not in LEFT_OUT]:
        browser.post(mine_of(world, route), FINE)
    events = list(AuditEvent.objects.all())
    people = {str(person.pk) for person in User.objects.all()}
    assert len({event.action for event in events}) > 12, "Hardly anything was done: the forms were only refused."
    assert [event.action for event in events if not event.actor_kind] == []
    assert [event.action for event in events if event.actor_kind == "user" and event.actor_id not in people] == []
    done = [event for event in events if event.actor_kind == "user"]
    assert {event.actor_id for event in done} >= {str(world.people["manager"].pk)}


def test_no_two_people_or_tokens_share_what_they_sign_in_with():
    assert User._meta.get_field("email").unique
    assert GatewayToken._meta.get_field("token_hash").unique
    columns = {field.name for field in GatewayToken._meta.concrete_fields}
    assert {"client", "created_by", "expires_at", "last_used_at"} <= columns
