"""The buttons of rotation by the provider's API."""

from __future__ import annotations

import pytest
from django.urls import reverse

from integrations.models import AutomaticRotation, SecretRotation
from tests.factories import make_user
from tests.integrations.rotating.drivers.fakes import SendGrid
from tests.integrations.rotating.drivers.test_drivers import stored, vendor  # noqa: F401
from tests.proving import prove

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("vendor", [SendGrid], indirect=True)]


@pytest.fixture
def browser(browser_of, stored):  # noqa: F811
    signed_in = browser_of(make_user("Oda", is_owner=True))
    prove(signed_in)
    return signed_in


def test_one_button_makes_the_key_switches_and_shows_where_it_stands(browser, stored, vendor):  # noqa: F811
    secret = browser.get(reverse("dashboard:secret", args=[stored.pk])).content.decode()
    assert "Rotate it now" in secret
    page = browser.post(reverse("dashboard:secret_rotate_now", args=[stored.pk]), follow=True).content.decode()
    assert "A quarter of an hour after the switch the old one is revoked" in page
    assert SecretRotation.objects.get().step == "watch"
    assert "CANARY" not in page + secret


def test_a_key_that_may_not_manage_keys_is_told_so_and_may_try_again(browser, stored, vendor):  # noqa: F811
    vendor.keys.clear()
    page = browser.post(reverse("dashboard:secret_rotate_now", args=[stored.pk]), follow=True).content.decode()
    assert "The key may not manage keys at the provider." in page
    vendor.keys["old1"], vendor.names["old1"] = vendor.fields["api_key"], ""
    act = reverse("dashboard:rotation_act", args=[SecretRotation.objects.get().pk])
    assert "It goes on." in browser.post(act, {"do": "again"}, follow=True).content.decode()


def test_automatic_rotation_is_switched_on_and_off(browser, stored):  # noqa: F811
    url = reverse("dashboard:secret_rotate_automatic", args=[stored.pk])
    assert "rotated when due" in browser.post(url, {"on": "yes"}, follow=True).content.decode()
    assert AutomaticRotation.objects.filter(secret=stored).exists()
    browser.post(url, {"on": "no"})
    assert not AutomaticRotation.objects.exists()
