"""Makes the owner from a script, or prints the one-time link with which a person does."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any, ClassVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from secrets_vault.commands import FOUND_SOMETHING, KeylodgeCommand
from secrets_vault.errors import BadInput
from secrets_vault.models import User
from secrets_vault.people import setup_link
from secrets_vault.secret import Secret


class Command(KeylodgeCommand):
    """`create_owner --email E --name N`: exit 1 when there is an owner already."""

    help = "Make the owner: the password is the first line of stdin; without one, a one-time link is printed."
    prepares: ClassVar[bool] = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who the owner is."""
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True)

    def run(self, **options: Any) -> object | None:
        """Answer with the e-mail, and with the link when no password was given."""
        email, name = options["email"].strip().lower(), options["name"].strip()
        _check(email, name)
        if User.objects.exists():
            self._refuse()
            return None
        password = _first_line_of_stdin()
        if not password:
            return {"email": email, "setup_url": setup_link.make_setup_url(email=email, name=name)}
        _check_password(password, User(email=email, name=name))
        owner = setup_link.make_owner(email=email, name=name, password=password.expose())
        if owner is None:
            self._refuse()
            return None
        return {"email": owner.email}

    def _refuse(self) -> None:
        self.exit_code = FOUND_SOMETHING
        self.say("There is an owner already. Nothing was changed.")


def _check(email: str, name: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        raise BadInput(f"{email!r} is not an e-mail address.") from None
    if not name or len(name) > 120 or len(email) > 254:
        raise BadInput("The name has 1 to 120 characters, the e-mail address at most 254.")


def _first_line_of_stdin() -> Secret:
    """Return what was piped in, without its line end; nothing when a person sits at the terminal."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return Secret("")
    return Secret(sys.stdin.readline().rstrip("\r\n"))


def _check_password(password: Secret, person: User) -> None:
    try:
        validate_password(password.expose(), person)
    except ValidationError as weak:
        raise BadInput(" ".join(weak.messages)) from None
