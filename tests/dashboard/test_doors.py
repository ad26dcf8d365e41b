"""Every page asks who is there."""

import pytest
from django.urls import reverse
from django.urls.resolvers import URLPattern

from dashboard import urls
from tests.factories import make_user

OPEN = ("language",)  # on the sign-in page somebody chooses the language before anyone knows who it is
BEHIND = [pattern for pattern in urls.urlpatterns if pattern.name not in OPEN]
ARGUMENTS = {"slug": "acme", "uuid": "01890000-0000-7000-8000-000000000000", "int": 1, "str": "acme"}


def address_of(pattern: URLPattern) -> str:
    kinds = {name: type(made).__name__ for name, made in pattern.pattern.converters.items()}
    arguments = {
        name: ARGUMENTS[kind.removesuffix("Converter").lower().replace("string", "str")] for name, kind in kinds.items()
    }
    return reverse(f"dashboard:{pattern.name}", kwargs=arguments)


@pytest.mark.matrix
@pytest.mark.django_db
@pytest.mark.parametrize("pattern", BEHIND, ids=lambda p: p.name)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_page_sends_who_is_not_signed_in_to_the_sign_in(client, pattern, method):
    make_user("Olive", is_owner=True)  # while there is nobody, "/" says where the owner's link was printed
    answer = getattr(client, method)(address_of(pattern))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/")


@pytest.mark.django_db
def test_htmx_is_told_to_navigate_instead_of_swapping_the_sign_in_page(client):
    answer = client.get("/clients/", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"].startswith("/accounts/login/")
    assert answer.content == b""


def test_an_unknown_address_is_our_own_page(client):
    answer = client.get("/nothing-here/")
    assert answer.status_code == 404
    assert b"There is nothing here" in answer.content


def test_an_error_of_a_fragment_is_one_notice_put_where_notices_are(client):
    answer = client.get("/nothing-here/", headers={"HX-Request": "true"})
    assert answer.status_code == 404
    assert answer.headers["HX-Retarget"] == "#notices"
    assert b"<html" not in answer.content
