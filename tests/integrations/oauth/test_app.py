"""An OAuth app that the provider refuses: who hears of it, how often, and when it works again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations import outbound
from integrations.models import Connection, Message, OAuthApp
from integrations.oauth.app import change_app, choose_app, mark_broken, mend, proven
from integrations.oauth.due import refresh_due
from integrations.oauth.errors import CannotStart, NotUsableNow
from integrations.oauth.refresh import access_token
from integrations.status import ConnectionChanged
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import AuditEvent
from tests.factories import make_client, make_membership, make_user
from tests.integrations.oauth.openid_world import make_openid_connection
from tests.integrations.oauth.world import NOW, connected, make_connection

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def openid(ada):
    return make_openid_connection(ada)


def mails(kind):
    return {message.user.name: message for message in Message.objects.filter(kind=kind).select_related("user")}


def test_everyone_who_manages_a_client_of_the_app_hears_of_it_once_and_of_nothing_else(openid, ada):
    app, globex = openid.oauth_app, make_client("globex", name="Globex")
    Connection.objects.create(
        slug="globex-openid",
        client=globex,
        environment=globex.environments.first(),
        provider_key="custom-openid",
        kind="oauth2",
        oauth_app=app,
    )
    managing, looking, elsewhere = make_user("Mia"), make_user("Ben"), make_user("Cora")
    make_membership(managing, openid.client, "manager")
    make_membership(looking, openid.client, "viewer")
    make_membership(elsewhere, make_client("initech"), "manager")
    assert mark_broken(app.pk, "invalid_client", actor=SYSTEM, now=NOW)
    assert not mark_broken(app.pk, "invalid_client", actor=SYSTEM, now=NOW)
    told = mails("oauth_app_broken")
    assert set(told) == {"Ada", "Mia"}
    assert told["Mia"].subject == 'Example ID refuses the OAuth app "App of acme-openid"'
    assert "acme-openid" in told["Mia"].body
    assert "globex" not in told["Mia"].body
    assert "ask the owner" in told["Mia"].body
    assert f"/oauth-apps/{app.pk}/" not in told["Mia"].body
    assert "globex-openid" in told["Ada"].body
    assert f"/oauth-apps/{app.pk}/" in told["Ada"].body


def test_a_correction_alone_proves_nothing_and_a_token_does(reachable, ada):
    live = connected(reachable, make_connection(reachable.line, user=ada), ada)
    refused = outbound.Answer(401, (), b'{"error": "invalid_client"}')
    with pytest.raises(NotUsableNow):
        access_token(live, now=LATER, send=lambda *a, **k: refused)
    assert len(mails("oauth_app_broken")) == 1
    app = OAuthApp.objects.get()
    change_app(
        app,
        name=app.name,
        client_id=app.client_id,
        required_scopes=app.required_scopes,
        optional_scopes=app.optional_scopes,
        actor=Actor.of(ada),
        now=LATER,
    )
    assert not mails("oauth_app_works")
    assert refresh_due(now=LATER + timedelta(minutes=5)) == 1
    assert "accepts the OAuth app" in mails("oauth_app_works")["Ada"].subject
    app.refresh_from_db()
    assert (app.is_broken, app.broken_code) == (False, "")
    assert AuditEvent.objects.filter(action="oauth_app.works").count() == 1
    assert refresh_due(now=LATER + timedelta(hours=1)) == 1
    assert Message.objects.count() == 2


def test_a_correction_that_was_wrong_is_told_again(openid, ada):
    app = openid.oauth_app
    mark_broken(app.pk, "invalid_client", actor=SYSTEM, now=NOW)
    mend(app, actor=Actor.of(ada), now=LATER)
    assert mark_broken(app.pk, "invalid_client", actor=SYSTEM, now=LATER + timedelta(minutes=1))
    assert Message.objects.filter(kind="oauth_app_broken").count() == 2
    assert not mails("oauth_app_works")


def test_an_app_that_was_never_refused_says_nothing(openid):
    proven(openid.oauth_app, actor=SYSTEM, now=NOW)
    proven(None, actor=SYSTEM, now=NOW)
    assert not Message.objects.exists()


def test_the_demos_apps_mail_nobody(openid, settings):
    openid.client.is_demo = True
    openid.client.save(update_fields=["is_demo"])
    mark_broken(openid.oauth_app_id, "invalid_client", actor=SYSTEM, now=NOW)
    assert set(Message.objects.values_list("state", flat=True)) == {"kept"}


def test_an_app_whose_described_provider_is_gone_is_still_told(openid):
    from integrations.models import CustomProvider

    CustomProvider.objects.all().delete()
    mark_broken(openid.oauth_app_id, "invalid_client", actor=SYSTEM, now=NOW)
    assert "custom-openid" in mails("oauth_app_broken")["Ada"].subject


def test_a_connection_without_an_app_takes_one_that_it_can_use(openid, ada):
    app = openid.oauth_app
    Connection.objects.update(oauth_app=None)
    stale = Connection.objects.get()
    row = Connection.objects.get()
    choose_app(row, app, actor=Actor.of(ada))
    assert Connection.objects.get().oauth_app == app
    with pytest.raises(ConnectionChanged):
        choose_app(stale, app, actor=Actor.of(ada))
    with pytest.raises(CannotStart):
        choose_app(Connection.objects.get(), app, actor=Actor.of(ada))


def test_another_clients_app_is_not_taken(openid, ada):
    app = openid.oauth_app
    OAuthApp.objects.update(for_client=make_client("globex"))
    Connection.objects.update(oauth_app=None)
    with pytest.raises(CannotStart):
        choose_app(Connection.objects.get(), app, actor=Actor.of(ada))
