"""The cast: Ada manages Acme, Ben may only look, Cora is a stranger, Olive owns the installation."""

import re
from contextlib import contextmanager

import pytest
from django.db import connections
from django.test import Client as Browser

from tests.factories import make_client, make_membership, make_user


@pytest.fixture
def acme(db):
    return make_client("acme", name="Acme")


@pytest.fixture
def ada(acme):
    user = make_user("Ada")
    make_membership(user, acme, "manager")
    return user


@pytest.fixture
def ben(acme):
    user = make_user("Ben")
    make_membership(user, acme, "viewer")
    return user


@pytest.fixture
def cora(db):
    return make_user("Cora")


@pytest.fixture
def olive(db):
    return make_user("Olive", is_owner=True)


@pytest.fixture
def browser_of():
    """Return a function that gives a signed-in browser."""

    def signed_in(user):
        browser = Browser(SERVER_NAME="localhost")
        browser.force_login(user)
        return browser

    return signed_in


@pytest.fixture
def client():
    """A browser that nobody has signed in with, at the address Keylodge answers on."""
    return Browser(SERVER_NAME="localhost")


@pytest.fixture
def at_most_queries(django_assert_max_num_queries):
    """Return a limit on the queries to the main database and to the call log's: their sum where they are one."""

    @contextmanager
    def limited(main, *, calls):
        if "calls" not in connections:
            with django_assert_max_num_queries(main + calls):
                yield
            return
        with django_assert_max_num_queries(main), django_assert_max_num_queries(calls, using="calls"):
            yield

    return limited


@pytest.fixture
def desk(page, shared_keylodge):
    """A consultant who is signed in, has the client Acme, and started the sandbox."""
    email, password = shared_keylodge.make_owner(name="Mara Vogt")
    page.goto(f"{shared_keylodge.url}/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_url(re.compile(r"(?<!login)/$"))
    page.goto(f"{shared_keylodge.url}/sandbox/")
    page.get_by_role("button", name="Start the sandbox").click()
    page.get_by_role("heading", name="Make trouble").wait_for()
    page.goto(f"{shared_keylodge.url}/clients/new/")
    page.fill("[name=name]", "Acme")
    page.click("main form button.primary")
    page.wait_for_url("**/clients/acme/")
    return page
