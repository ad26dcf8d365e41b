"""While a rotation is watched, a call that the new key is refused for goes with the old one; and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.models import Call, Connection, CustomProvider, Message, SecretRotation
from integrations.rotating import guided
from secrets_vault import generation, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.factories import make_user
from tests.integrations.gateway.conftest import KEY

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "sk_live_NEWCANARY0123456789ab"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def only(*alive, status=401):
    """Return an upstream's handler that knows these keys; what it does not know it repeats in its answer."""

    def handle(sock, request):
        known = next((key for key in alive if key.encode() in request), None)
        body = b"ok" if known else b"who is " + (NEW.encode() if NEW.encode() in request else b"this")
        code = 200 if known else status
        sock.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (code, len(body)) + body)

    return handle


@pytest.fixture
def switched(world):
    """A world whose gateway has just been switched to a new key, which the upstream does not know."""
    make_user("Olive", is_owner=True)
    world.upstream.answers = [only(KEY)]
    connection = Connection.objects.get(pk=world.connection.pk)
    now = datetime.now(UTC)
    rotation = guided.start(connection.secret, actor=SYSTEM, now=now)
    guided.keep_new(rotation, {"api_key": Secret(NEW)}, actor=SYSTEM, now=now)
    SecretRotation.objects.filter(pk=rotation.pk).update(step="switch")
    rotation.refresh_from_db()
    guided.switch(rotation, actor=SYSTEM, now=now)
    return world, rotation


def test_a_call_refused_with_the_new_key_goes_with_the_old_one_and_is_told_once(switched, log):
    world, rotation = switched
    answers = [world.call(method="POST", body=b"{}"), world.call()]
    assert [answer.status for answer in answers] == [200, 200]
    assert [NEW.encode() in request for request in world.upstream.requests] == [True, False, True, False]
    rotation.refresh_from_db()
    assert rotation.fall_backs == 2
    assert Message.objects.filter(kind="rotation_fell_back").count() == 1
    call = Call.objects.latest("id")
    assert (call.outcome, call.secret_version) == ("recovered", rotation.old_version.number)
    assert call.timeline[0]["fell_back"] is True
    everything = log.getvalue() + str(list(Call.objects.values())) + str(list(Message.objects.values()))
    assert "CANARY" not in everything


def revoke(rotation):
    guided.say_revoked(rotation, actor=SYSTEM, now=datetime.now(UTC))


def a_day_later(rotation):
    SecretRotation.objects.filter(pk=rotation.pk).update(switched_at=datetime.now(UTC) - timedelta(days=1, seconds=1))


def five_hundred_calls_later(rotation):
    SecretRotation.objects.filter(pk=rotation.pk).update(fall_backs=500)


def retired(rotation):
    vault.retire(rotation.old_version, actor=SYSTEM)


def another_version(rotation):
    vault.replace(rotation.secret, {"api_key": Secret("sk_live_THIRDCANARY01234567")}, actor=SYSTEM)


@pytest.mark.parametrize("happened", [revoke, a_day_later, five_hundred_calls_later, retired, another_version])
def test_no_call_goes_with_an_old_key_that_may_be_used_no_more(switched, happened):
    world, rotation = switched
    happened(rotation)
    generation.bump()
    assert world.call().status == 401
    assert len(world.upstream.requests) == 1


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_answer_that_does_not_refuse_the_credential_is_not_made_again_with_another(switched, status):
    world, _rotation = switched
    world.upstream.answers = [only(KEY, status=status)]
    assert world.call(method="POST", body=b"{}").status == status
    assert not any(KEY.encode() in request for request in world.upstream.requests)


def test_without_a_rotation_a_refusal_stands(world):
    world.upstream.answers = [only("nobody")]
    assert world.call().status == 401
    assert len(world.upstream.requests) == 1


def test_a_redirect_does_not_tell_the_caller_the_old_key_either(switched):
    world, _rotation = switched
    facts = CustomProvider.objects.get().facts
    facts["injections"] = {"api_key": {"in": "query", "name": "key", "template": "{token}"}}
    CustomProvider.objects.update(facts=facts)
    connection = Connection.objects.get(pk=world.connection.pk)
    hosts = connection.secret.policy["hosts"]
    vault.bind_policy(connection.secret, vault.Policy(hosts=tuple(hosts), slots=("query:key",)), actor=SYSTEM)
    generation.bump()

    def redirect(sock, request):
        target = request.split(b" ")[1]
        code = b"302" if KEY.encode() in target else b"401"
        sock.sendall(b"HTTP/1.1 %b X\r\nLocation: https://x.example%b\r\nContent-Length: 0\r\n\r\n" % (code, target))

    world.upstream.answers = [redirect]
    answer = world.call()
    assert answer.status == 302
    assert KEY.encode() in world.upstream.requests[-1]
    assert "key=****" in answer.header("location")
    assert KEY not in answer.header("location")
