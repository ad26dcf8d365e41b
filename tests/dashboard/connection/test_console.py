"""The test console: headers, JSON that is checked, a second question on production, and what was tried before."""

from __future__ import annotations

import pytest
from django.urls import reverse

from dashboard.pages.connection.call_form import TestCallForm
from dashboard.pages.connection.console import WRITES
from integrations.models import Call, Connection
from secrets_vault.models import Environment
from tests.integrations.gateway.conftest import KEY

in_the_database = pytest.mark.django_db(transaction=True)
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"a":{"b":[1]}}'


@pytest.fixture
def manager(browser_of, ada):
    return browser_of(ada)


@pytest.fixture
def production(connection):
    Environment.objects.filter(pk=connection.environment_id).update(is_production=True)
    return connection


@pytest.fixture
def staging(connection):
    Environment.objects.filter(pk=connection.environment_id).update(is_production=False)
    return connection


def call(browser, connection, **fields):
    data = {"method": "GET", "path": "/me", **fields}
    return browser.post(reverse("dashboard:connection_call", args=[connection.slug]), data)


@in_the_database
def test_a_write_on_production_is_asked_about_and_then_sent(manager, production, upstream):
    assert WRITES == ("POST", "PUT", "PATCH", "DELETE")
    asked = call(manager, production, method="PATCH", body='{"a": 1}')
    assert (asked.status_code, upstream.requests) == (409, [])
    assert "This is production" in asked.content.decode()
    assert "{&quot;a&quot;: 1}" in asked.content.decode()  # what was typed stays
    upstream.answers = [OK]
    assert call(manager, production, method="PATCH", body='{"a": 1}', sure="on").status_code == 200
    assert upstream.requests[0].startswith(b"PATCH /api/me ")


@in_the_database
def test_reading_on_production_and_writing_elsewhere_is_not_asked_about(manager, production, upstream):
    upstream.answers = [OK, OK]
    assert call(manager, production).status_code == 200
    Environment.objects.filter(pk=production.environment_id).update(is_production=False)
    assert call(manager, production, method="DELETE").status_code == 200


@in_the_database
def test_headers_go_along_and_none_of_ours(manager, staging, upstream):
    upstream.answers = [OK]
    call(manager, staging, headers="X-Version: 2\r\nAccept: text/csv\n\n")
    sent = upstream.requests[0].lower()
    assert b"x-version: 2\r\n" in sent
    assert b"accept: text/csv\r\n" in sent
    assert b"application/json" not in sent
    assert KEY.encode() in upstream.requests[0]


@pytest.mark.parametrize(
    "headers",
    ["Authorization: Bearer x", "Host: evil.example", "x-keylodge-token: klg_x", "Cookie: a=b", "no colon", "A: ü",
     "Content-Length: 0", "Transfer-Encoding: chunked", "Bad Name: x", ": x"],
)  # fmt: skip
def test_headers_that_are_not_a_persons_are_refused(headers):
    form = TestCallForm({"method": "GET", "path": "/me", "headers": headers})
    assert list(form.errors) == ["headers"]


@in_the_database
def test_what_begins_like_json_must_be_json_unless_it_says_otherwise(manager, staging, upstream):
    broken = call(manager, staging, method="POST", body='{"a": 1,}')
    assert broken.status_code == 422
    assert "line 1, column " in broken.content.decode()
    upstream.answers = [OK]
    assert call(manager, staging, method="POST", body="{broken", headers="Content-Type: text/plain").status_code == 200
    assert b"content-type: text/plain" in upstream.requests[0].lower()


@in_the_database
def test_an_answer_in_json_is_indented_and_its_limits_are_said(manager, staging, upstream):
    upstream.answers = [
        OK.replace(b"\r\nContent-Type", b"\r\nX-RateLimit-Limit: 100\r\nX-RateLimit-Remaining: 9\r\nContent-Type")
    ]
    page = call(manager, staging).content.decode()
    assert "&quot;b&quot;: [\n" in page
    assert "9 of 100 left" in page


@in_the_database
def test_the_last_ten_of_the_session_are_listed_without_secrets(manager, staging, upstream):
    upstream.answers = [OK] * 12
    for number in range(12):
        call(manager, staging, path=f"/me?n={number}&token={KEY}")
    page = manager.get(reverse("dashboard:connection", args=[staging.slug])).content.decode()
    listed = [number for number in range(12) if f"/me?n={number}&amp;" in page]
    assert listed == list(range(2, 12))
    assert KEY not in page
    assert KEY not in str(dict(manager.session))
    assert str(Call.objects.order_by("-pk")[0].pk) in page


@in_the_database
def test_paths_to_begin_with_come_from_the_facts(manager, acme):
    Connection.objects.create(
        slug="acme-hubspot", client=acme, environment=acme.environments.first(), provider_key="hubspot", kind="oauth2"
    )
    page = manager.get("/connections/acme-hubspot/").content.decode()
    assert '<option value="/account-info/v3/details">' in page
    assert '<option value="/crm/v3/objects/contacts">' in page


@in_the_database
def test_each_way_to_call_has_a_button_that_sends_the_same_call(manager, ben, browser_of, staging, upstream):
    address = reverse("dashboard:connection", args=[staging.slug])
    page = manager.get(address).content.decode()
    assert page.count('name="path" value="/me"') >= 6
    assert 'name="path" value="/me"' not in browser_of(ben).get(address).content.decode()
