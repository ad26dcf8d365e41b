"""What a target's name leads to is looked at when the connection is opened; nothing inside is ever reached."""

from __future__ import annotations

import socket

import pytest

from integrations.models import WebhookAttempt
from integrations.outbound import Dialler
from integrations.webhooks import sealing
from integrations.webhooks.forwarder import Forwarder
from integrations.webhooks.sender import Sender
from secrets_vault.secret import Secret
from tests.fake_upstream import FakeUpstream
from tests.integrations.webhooks.forwarding.conftest import answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def forwarder_for(world):
    """Return a function that makes a forwarder for which names mean what the test says: a list for each look-up."""
    made = []

    def make(*answers):
        left = list(answers)

        async def resolve(_host, port):
            addresses = left.pop(0)
            if not addresses:
                raise OSError("no such name")
            families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in addresses]
            pairs = zip(families, addresses, strict=True)
            return [(family, socket.SOCK_STREAM, 6, "", (each, port)) for family, each in pairs]

        sender = Sender(dialler=Dialler(resolver=resolve))
        made.append(Forwarder(clock=lambda: world.now, chance=lambda: 0.5, sender=sender))
        return made[-1]

    yield make
    for forwarder in made:
        forwarder.stop()
        forwarder.run()


@pytest.fixture
def delivery(world, settings):
    """Return a delivery to a name that was fine when its target was made. No private host is open any more."""
    target = world.target()
    url = f"https://hooks.example:{world.receiver.port}/x"
    sealing.seal_url(target, Secret(url), client=world.endpoint.client)
    target.save()
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = []
    return world.delivery(target)


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "100.64.0.1", "::ffff:127.0.0.1"]
)
def test_a_name_that_leads_inside_is_not_called(world, forwarder_for, delivery, inside):
    forwarder_for([inside]).run_until_idle()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error) == ("dead", "host_refused")
    assert world.receiver.connections == 0


def test_one_address_inside_among_public_ones_is_enough(world, forwarder_for, delivery):
    forwarder_for(["198.41.0.4", "127.0.0.1"]).run_until_idle()

    delivery.refresh_from_db()
    assert (delivery.last_error, world.receiver.connections) == ("host_refused", 0)


def test_a_name_is_judged_again_at_each_try(world, forwarder_for, delivery):
    forwarder = forwarder_for([], ["127.0.0.1"])

    forwarder.run_until_idle()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error) == ("waiting", "upstream_unreachable")
    world.later(seconds=6)
    forwarder.run_until_idle()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error) == ("dead", "host_refused")
    assert world.receiver.connections == 0


def test_a_redirect_into_the_inside_is_not_followed(world):
    with FakeUpstream() as inside:
        location = f"Location: {inside.url}/secret\r\n".encode()
        world.receiver.answers = [answer(307, headers=location)]
        delivery = world.delivery(world.target())

        world.forward()

        assert inside.connections == 0
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_status) == ("dead", 307)


def test_a_host_that_is_no_longer_opened_is_not_called(world, settings):
    delivery = world.delivery(world.target())
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = []

    world.forward()

    delivery.refresh_from_db()
    assert (delivery.last_error, world.receiver.connections) == ("host_refused", 0)
    assert WebhookAttempt.objects.get().response_head == ""
