"""Who may see what: Ada manages Acme, Ben may only look, Cora is a stranger."""

import pytest

from integrations.models import CallHour
from secrets_vault.access import can_manage, visible_clients
from secrets_vault.models import Client, Environment
from tests.factories import make_client, make_membership, make_user

pytestmark = pytest.mark.django_db


def test_a_member_sees_her_own_clients_only():
    ada, acme = make_user("Ada"), make_client("acme")
    make_client("other")
    make_membership(ada, acme)
    assert list(visible_clients(ada)) == [acme]
    assert {e.client for e in Environment.objects.visible_to(ada)} == {acme}


def test_a_viewer_may_look_and_not_manage():
    ben, acme = make_user("Ben"), make_client("acme")
    make_membership(ben, acme, role="viewer")
    assert Client.objects.visible_to(ben).exists()
    assert not Client.objects.manageable_by(ben).exists()
    assert not can_manage(ben, acme)


@pytest.mark.parametrize("state", ["invited", "suspended"])
def test_a_membership_that_is_not_active_gives_nothing(state):
    ben, acme = make_user("Ben"), make_client("acme")
    make_membership(ben, acme, state=state)
    assert not Client.objects.visible_to(ben).exists()


def test_a_stranger_sees_nothing_and_the_owner_everything():
    cora, owner = make_user("Cora"), make_user("Olga", is_owner=True)
    acme = make_client("acme")
    assert not visible_clients(cora).exists()
    assert list(visible_clients(owner)) == [acme]
    assert can_manage(owner, None)
    assert not can_manage(cora, None)


def test_an_inactive_owner_sees_nothing():
    owner = make_user("Olga", is_owner=True, is_active=False)
    make_client("acme")
    assert not visible_clients(owner).exists()


def test_the_call_log_is_narrowed_without_a_subquery_into_another_database():
    ada, acme, other = make_user("Ada"), make_client("acme"), make_client("other")
    make_membership(ada, acme)
    for client in (acme, other):
        CallHour.objects.create(connection_id=client.pk, client_id=client.pk, hour="2026-11-22T09:00Z")
    assert [row.client_id for row in CallHour.objects.visible_to(ada)] == [acme.pk]
