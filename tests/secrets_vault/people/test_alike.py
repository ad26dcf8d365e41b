"""A refused sign-in tells nothing: not whether there is such an account, nor whether it is disabled (ASVS 6.3.8)."""

from __future__ import annotations

import math
import re
import statistics
import time
from functools import partial
from itertools import combinations

import pytest
from allauth.account.models import EmailAddress
from django.test import Client as AnyBrowser

from secrets_vault.models import LoginAttempt, User
from secrets_vault.people.passwords import CappedArgon2PasswordHasher
from tests.factories import make_user

pytestmark = pytest.mark.django_db
Browser = partial(AnyBrowser, SERVER_NAME="localhost")
PASSWORD = "tavoki-lumare-pidosu"
OURS = ["secrets_vault.people.passwords.CappedArgon2PasswordHasher"]
SAMPLES = 200
REFUSED = {
    "nobody has this address": ("nobody@example.com", PASSWORD),
    "the password is wrong": ("ada@example.com", "wrong-wrong-wrong"),
    "disabled, the password is wrong": ("ben@example.com", "wrong-wrong-wrong"),
    "disabled, the password is right": ("ben@example.com", PASSWORD),
    "without a password": ("ivy@example.com", PASSWORD),
}


@pytest.fixture
def people(settings):
    """Make Ada, Ben who is disabled, and Ivy who never chose a password, all hashed as in earnest."""
    settings.PASSWORD_HASHERS = OURS
    for name, password, is_active in (("Ada", PASSWORD, True), ("Ben", PASSWORD, False), ("Ivy", None, True)):
        user = make_user(name, password=password, is_active=is_active)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    """Return a list that grows by one with each run of the hasher."""
    runs: list[str] = []
    for name in ("encode", "verify"):
        real = getattr(CappedArgon2PasswordHasher, name)

        def counted(self, *given, real=real, name=name):
            runs.append(name)
            return real(self, *given)

        monkeypatch.setattr(CappedArgon2PasswordHasher, name, counted)
    return runs


def sign_in(email: str, password: str):
    return Browser().post("/accounts/login/", {"login": email, "password": password})


def said(answer, email: str) -> str:
    """Return a page without what is new on every page, and without what was typed."""
    page = answer.content.decode().replace(email, "")
    return re.sub(r'(nonce|value|hx-nonce)="[^"]{16,}"|X-CSRFToken": "\w+"', "", page)


def test_every_refusal_is_the_same_page_after_one_run_of_the_hasher(people, hashed):
    answers = {}
    for why, (email, password) in REFUSED.items():
        hashed.clear()
        answer = sign_in(email, password)
        answers[why] = (answer.status_code, said(answer, email), len(hashed), sorted(answer.cookies))
    expected = answers.pop("the password is wrong")
    assert expected[0] == 200
    assert expected[2] == 1
    for why, answer in answers.items():
        assert answer == expected, why


def test_who_is_disabled_is_not_signed_in(people):
    browser = Browser()
    browser.post("/accounts/login/", {"login": "ben@example.com", "password": PASSWORD})
    assert browser.get("/vault/").url.startswith("/accounts/login/")
    User.objects.filter(email="ben@example.com").update(is_active=True)
    assert sign_in("ben@example.com", PASSWORD).status_code == 302


@pytest.mark.timing
def test_every_refusal_takes_as_long(people):
    """Measured as the time of the processor, the hasher's threads included: a busy machine blurs the clock's."""
    times: dict[str, list[float]] = {why: [] for why in REFUSED}
    for _ in range(SAMPLES):
        for why, given in REFUSED.items():
            LoginAttempt.objects.all().delete()
            began = time.process_time()
            sign_in(*given)
            times[why].append(time.process_time() - began)
    means = {why: statistics.mean(taken) for why, taken in times.items()}
    print({why: round(mean * 1000, 1) for why, mean in means.items()}, "ms")
    for one, other in combinations(times, 2):
        apart = abs(means[one] - means[other])
        blur = math.sqrt(sum(statistics.variance(times[why]) / SAMPLES for why in (one, other)))
        # Welch's t-test at one in a hundred, or too small a difference to matter.
        assert apart < 2.58 * blur or apart < 0.05 * means[one], (one, other, means)
