"""A NUL in a query or a form is refused before any page sees it."""

import pytest
from django.test import Client as Browser

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("data", [{"login": "a\0b"}, {"a\0b": "x"}])
def test_a_nul_is_a_bad_request(method, data):
    assert getattr(Browser(SERVER_NAME="localhost"), method)("/accounts/login/", data).status_code == 400


def test_other_odd_characters_are_none_of_our_business():
    assert Browser(SERVER_NAME="localhost").get("/accounts/login/", {"x": "\x01\ufffd\u202e"}).status_code == 200
