"""What can keep a rotation from its next step."""

from __future__ import annotations

from django.utils.translation import gettext as _

from integrations.errors import IntegrationError


class RotationError(IntegrationError):
    """A step cannot be done now. The message says what to do instead."""

    code = "rotation"


class NotRotated(RotationError):
    """Nobody rotates a secret of this kind by hand."""

    code = "not_rotated"


class WrongStep(RotationError):
    """The rotation is at another step by now, as when two people work on it."""

    code = "wrong_step"

    def __init__(self) -> None:
        super().__init__(_("This rotation is at another step by now. Look at it, then decide again."))


class OvertakenBySomebody(RotationError):
    """Another version was made current while the rotation was under way."""

    code = "overtaken"

    def __init__(self) -> None:
        super().__init__(_("Somebody put another version into use meanwhile. Give this rotation up and begin anew."))
