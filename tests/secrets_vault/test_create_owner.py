"""`create_owner` makes one owner, once."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from secrets_vault.models import AuditEvent, User
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PASSWORD = "seven copper kettles sing"


def create_owner(monkeypatch, capsys, *, stdin="", email="olga@example.com", name="Olga"):
    """Run the command; return its exit code, its answer, and its words."""
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    code = 0
    try:
        call_command("create_owner", email=email, name=name)
    except SystemExit as ended:
        code = ended.code
    out = capsys.readouterr()
    return code, json.loads(out.out) if out.out else None, out.err


def test_a_password_on_stdin_makes_the_owner(monkeypatch, capsys):
    from allauth.account.models import EmailAddress

    code, answer, _ = create_owner(monkeypatch, capsys, stdin=PASSWORD + "\nmore\n", email="Olga@Example.com")
    owner = User.objects.get()
    assert (code, answer) == (0, {"email": "olga@example.com"})
    assert owner.is_owner
    assert owner.check_password(PASSWORD)
    assert EmailAddress.objects.get(user=owner).verified
    assert PASSWORD not in str(AuditEvent.objects.values())


def test_without_a_password_a_link_is_printed_and_nobody_is_made(monkeypatch, capsys):
    code, answer, _ = create_owner(monkeypatch, capsys)
    assert (code, answer["email"]) == (0, "olga@example.com")
    assert answer["setup_url"].startswith("http://localhost:")
    assert not User.objects.exists()


def test_a_second_owner_is_refused_with_1(monkeypatch, capsys):
    make_user("Ada", is_owner=True)
    code, answer, words = create_owner(monkeypatch, capsys, stdin=PASSWORD)
    assert (code, answer) == (1, None)
    assert "already" in words
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "bad", [{"email": "no address"}, {"name": " "}, {"stdin": "tinypw\n"}, {"email": f"{'a' * 250}@example.com"}]
)
def test_bad_input_ends_with_2_and_makes_nobody(monkeypatch, capsys, bad):
    code, answer, words = create_owner(monkeypatch, capsys, **bad)
    assert (code, answer) == (2, None)
    assert words
    assert "tinypw" not in words
    assert not User.objects.exists()
