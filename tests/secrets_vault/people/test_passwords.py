"""What a password must be."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from secrets_vault.models import User
from secrets_vault.people import passwords

ADA = User(name="Ada Lovelace", email="ada@analytical.example")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short-password", "password_too_short"),  # 14 characters
        ("x" * 129, "password_too_long"),
        ("keylodge-password", "password_obvious"),
        ("ada-lovelace-analytical", "password_obvious"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password, code):
    with pytest.raises(ValidationError) as refused:
        validate_password(password, ADA)
    assert code in {error.code for error in refused.value.error_list}


@pytest.mark.parametrize(
    "password", ["correct horse battery", "ünïcödé-währung-ß", "a" * 7 + "b" * 8, "x" * 120 + "12345678"]
)
def test_a_long_password_needs_no_composition(password):
    validate_password(password, ADA)


def test_a_suggested_passphrase_is_accepted_and_never_the_same():
    made = {passwords.suggest_passphrase() for _ in range(50)}
    assert len(made) == 50
    for phrase in made:
        validate_password(phrase, ADA)


def test_a_password_is_hashed_with_argon2id_as_settings_say():
    from config import settings as ours

    assert ours.PASSWORD_HASHERS == ["secrets_vault.people.passwords.CappedArgon2PasswordHasher"]
    encoded = passwords.CappedArgon2PasswordHasher().encode("correct horse battery", "saltsaltsalt")
    assert encoded.startswith("argon2$argon2id$")
    assert passwords.CappedArgon2PasswordHasher().verify("correct horse battery", encoded)
