"""Who may see what: Ada manages Acme, Ben may only look, Cora is a stranger."""

import pytest
from django.contrib.auth.models import AnonymousUser

from integrations.models import CallHour
from secrets_vault.access import can_manage, visible_client_ids, visible_clients
from secrets_vault.models import Client, Environment, SecretVersion, StoredSecret
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


def test_somebody_elses_membership_gives_nothing():
    ada, cora, acme = make_user("Ada"), make_user("Cora"), make_client("acme")
    make_membership(ada, acme)
    assert not Client.objects.visible_to(cora).exists()
    assert not Environment.objects.visible_to(cora).exists()
    assert not can_manage(cora, acme)


def test_a_role_that_is_not_known_gives_nothing():
    ben, acme = make_user("Ben"), make_client("acme")
    make_membership(ben, acme, role="auditor")
    assert not Client.objects.visible_to(ben).exists()
    assert not Client.objects.manageable_by(ben).exists()


def test_a_manager_manages_her_own_client_only():
    ada, acme, other = make_user("Ada"), make_client("acme"), make_client("other")
    make_membership(ada, acme)
    assert can_manage(ada, acme)
    assert not can_manage(ada, other)
    assert set(Environment.objects.manageable_by(ada).values_list("client", flat=True)) == {acme.pk}
    assert visible_client_ids(ada) == [acme.pk]


@pytest.mark.parametrize("role", ["manager", "owner"])
def test_whoever_was_switched_off_sees_and_manages_nothing(role):
    ada, acme = make_user("Ada", is_owner=role == "owner"), make_client("acme")
    make_membership(ada, acme)
    ada.is_active = False
    ada.save()
    assert not Client.objects.visible_to(ada).exists()
    assert not Client.objects.manageable_by(ada).exists()
    assert not can_manage(ada, acme)
    assert not can_manage(ada, None)


class Visitor(AnonymousUser):
    """Somebody without a session, should a page ever call such a one active or owner."""

    is_active = True
    is_owner = True


@pytest.mark.parametrize("visitor", [AnonymousUser(), Visitor()], ids=["nobody", "nobody, called active"])
def test_whoever_is_not_signed_in_sees_and_manages_nothing(visitor):
    acme = make_client("acme")
    assert not Client.objects.visible_to(visitor).exists()
    assert not Client.objects.manageable_by(visitor).exists()
    assert not can_manage(visitor, acme)
    assert not can_manage(visitor, None)


def test_what_belongs_to_the_agency_is_the_owners_alone():
    ada, olga = make_user("Ada"), make_user("Olga", is_owner=True)
    make_membership(ada, make_client("acme"))
    StoredSecret.objects.create(kind="oauth_app", label="the agency's own")
    assert not StoredSecret.objects.visible_to(ada).exists()
    assert StoredSecret.objects.visible_to(olga).exists()
    assert not can_manage(ada, None)


def test_a_query_remembers_its_way_to_the_client_when_it_is_refined():
    ada, acme, other = make_user("Ada"), make_client("acme"), make_client("other")
    make_membership(ada, acme)
    for client in (acme, other):
        stored = StoredSecret.objects.create(client=client, kind="note", label=client.slug)
        SecretVersion.objects.create(secret=stored, number=1)
    refined = SecretVersion.objects.filter(number=1).order_by("secret__label").exclude(number=2)
    assert [version.secret.label for version in refined.visible_to(ada)] == ["acme"]
    assert [version.secret.label for version in refined.visible_to(ada).manageable_by(ada)] == ["acme"]
    assert list(Client.objects.exclude(slug="x").visible_to(ada)) == [acme]
