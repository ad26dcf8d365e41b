"""An error page holds a reference and no value, whatever broke and however DEBUG stands."""

from __future__ import annotations

import pytest
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpResponse
from django.test import Client
from django.urls import path

CANARY = "canary-5up3r-s3cr3t"


def broken(request):
    api_key = CANARY
    raise RuntimeError(f"while using {api_key}")


def denied(request):
    raise PermissionDenied(CANARY)


def missing(request):
    raise Http404(CANARY)


def suspicious(request):
    raise SuspiciousOperation(CANARY)


def full(request):
    raise OperationalError(f"database or disk is full: {CANARY}")


def fine(request):
    return HttpResponse("fine")


urlpatterns = [
    path("broken", login_not_required(broken)),
    path("denied", login_not_required(denied)),
    path("missing", login_not_required(missing)),
    path("suspicious", login_not_required(suspicious)),
    path("full", login_not_required(full)),
    path("fine", login_not_required(fine)),
]
handler400, handler403 = "config.errors.bad_request", "config.errors.forbidden"
handler404, handler500 = "config.errors.not_found", "config.errors.server_error"

pytestmark = pytest.mark.urls("tests.config.test_errors")
OUR_HOST = {"host": "localhost"}


@pytest.fixture(params=[False, True], ids=["debug off", "debug on"])
def client(request, settings):
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.KEYLODGE_DEBUG = request.param
    return Client(raise_request_exception=False, headers=OUR_HOST)


@pytest.mark.parametrize(
    ("page", "status"), [("broken", 500), ("denied", 403), ("missing", 404), ("suspicious", 400), ("absent", 404)]
)
def test_an_error_page_shows_no_value(client, page, status):
    answer = client.post(f"/{page}?api_key={CANARY}", {"password": CANARY}, headers={"cookie": f"a={CANARY}"})
    assert answer.status_code == status
    assert CANARY not in answer.content.decode()
    assert "RuntimeError: " not in answer.content.decode()


def test_a_database_that_cannot_write_is_no_fault_of_the_page_and_says_when_to_try_again(client):
    answer = client.post("/full", {"password": CANARY})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert CANARY not in answer.content.decode()


@pytest.mark.parametrize("page", ["broken", "denied", "missing", "absent", "fine"])
def test_every_answer_carries_the_headers(client, page):
    headers = client.get(f"/{page}").headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_a_foreign_host_name_is_not_repeated(client):
    answer = client.get("/fine", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()


def test_djangos_own_debug_pages_are_off_and_would_show_nothing(settings):
    assert settings.DEBUG is False
    settings.ALLOWED_HOSTS, settings.DEBUG = ["localhost"], True
    answer = Client(raise_request_exception=False, headers=OUR_HOST).post(f"/broken?key={CANARY}", {"password": CANARY})
    assert answer.status_code == 500
    assert CANARY not in answer.content.decode()


def test_with_debug_on_the_page_names_the_type_of_the_error(settings):
    settings.ALLOWED_HOSTS, settings.KEYLODGE_DEBUG = ["localhost"], True
    answer = Client(raise_request_exception=False, headers=OUR_HOST).get("/broken")
    assert "<code>RuntimeError</code>" in answer.content.decode()
