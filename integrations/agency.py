"""Who the agency is to its clients: the name and the logo on the pages that they open."""

from __future__ import annotations

import base64
import hashlib
import io
import warnings
from dataclasses import dataclass

from django.db import transaction
from PIL import Image, UnidentifiedImageError

from integrations.errors import IntegrationError
from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.models import InstallationSetting

SETTING = "agency"
MAX_UPLOAD = 512 * 1024
MAX_PIXELS = 4_000_000
BOX = (480, 160)
FORMATS = ("PNG", "JPEG", "WEBP")


class BadLogo(IntegrationError):
    """A file that is no logo. `code` says why."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True)
class Agency:
    """The name that clients read, and the name of the logo's present drawing, if there is one."""

    name: str = ""
    logo: str = ""


def agency() -> Agency:
    """Return what the owner chose."""
    row = InstallationSetting.objects.filter(key=SETTING).first()
    return Agency(row.value.get("name", ""), row.value.get("logo", "")) if row else Agency()


def logo_png(name: str) -> bytes | None:
    """Return the drawing of this name, if it is the present one."""
    row = InstallationSetting.objects.filter(key=SETTING).first()
    if row is None or not name or row.value.get("logo") != name:
        return None
    return base64.b64decode(row.value["png"])


def introduce(name: str, *, actor: Actor, upload: bytes | None = None, removes_logo: bool = False) -> None:
    """Keep the name and, if one is given, the logo. Raises BadLogo."""
    drawn = redrawn(upload) if upload is not None else b""
    with transaction.atomic():
        row = InstallationSetting.objects.filter(key=SETTING).first()
        value = {"name": name, **_logo_of({} if row is None or removes_logo else row.value, drawn)}
        if row is not None and row.value == value:
            return
        InstallationSetting.objects.update_or_create(key=SETTING, defaults={"value": value})
        audit.record("link.page_changed", actor=actor, label="Agency", details={"has_logo": "logo" in value})


def _logo_of(before: dict[str, str], drawn: bytes) -> dict[str, str]:
    if drawn:
        return {"logo": hashlib.sha256(drawn).hexdigest()[:16], "png": base64.b64encode(drawn).decode()}
    return {key: before[key] for key in ("logo", "png") if key in before}


def redrawn(upload: bytes) -> bytes:
    """Return the picture drawn anew as PNG, at most 480 by 160: only its pixels stay, whatever else was in the file.

    SVG is not taken: it is a program. Raises BadLogo.
    """
    if len(upload) > MAX_UPLOAD:
        raise BadLogo("too_large")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(upload), formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise BadLogo("too_many_pixels")
                pixels = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, Warning):
        raise BadLogo("no_picture") from None
    pixels.thumbnail(BOX)
    clean = Image.new("RGBA", pixels.size)
    clean.paste(pixels)
    out = io.BytesIO()
    clean.save(out, "PNG", optimize=True)
    return out.getvalue()
