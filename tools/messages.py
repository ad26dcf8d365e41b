"""The product's texts in German: `update` collects them from the code into locale/, `compile` writes what is read.

    .venv/bin/python -m tools.messages update [room …]     after texts changed; translations are kept
    .venv/bin/python -m tools.messages compile [room …]    after a .po file changed
    .venv/bin/python -m tools.messages missing [room …]    what has no German yet

It needs Babel, not GNU gettext. A room is a folder in locale/ with a catalogue of its own, so that several
people translate side by side.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from tools import message_files
from tools.message_sources import Text, texts_of

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
LANGUAGE = "de"
PLURAL = "nplurals=2; plural=(n != 1);"

# Which files belong to which room: the first room wins whose line is the file or the beginning of its path.
ROOMS: dict[str, tuple[str, ...]] = {
    "alerts": (
        "templates/dashboard/alerts/", "dashboard/pages/alerts/", "integrations/alerts/",
        "integrations/models/alert_route.py", "templates/emails/unstable.txt", "templates/emails/still.txt",
        "templates/emails/summary.txt", "templates/emails/absence", "templates/emails/burst", "templates/emails/error_",
        "templates/emails/route_", "dashboard/alert_needs.py",
    ),
    "waiting": (
        "templates/dashboard/waiting/", "dashboard/pages/waiting/", "integrations/gateway/held/",
        "integrations/models/held.py", "dashboard/waiting_needs.py",
    ),
    "handover": (
        "templates/dashboard/handovers/", "dashboard/pages/handovers/", "integrations/handover/",
        "integrations/models/handover.py", "templates/emails/handover", "secrets_vault/vault/handing_out.py",
        "templates/dashboard/offboarding/", "dashboard/pages/offboarding/", "integrations/offboarding/",
        "integrations/models/offboarding.py", "templates/emails/offboarding",
    ),
    "today_clients": (
        "templates/dashboard/today.html", "templates/dashboard/client", "templates/dashboard/new_client.html",
        "dashboard/pages/today.py", "dashboard/pages/client", "dashboard/need", "dashboard/owner_needs.py",
        "dashboard/first_steps.py", "dashboard/health.py", "dashboard/day.py",
        "dashboard/tightest.py", "dashboard/demo_data/",
    ),
    "jwt": ("templates/dashboard/jwt/", "dashboard/pages/jwt/", "integrations/jwt/"),
    "requests": (
        "templates/dashboard/requests/", "dashboard/pages/requests/", "integrations/links/",
        "integrations/models/link.py", "templates/emails/link_done.txt", "integrations/calendar/",
        "dashboard/pages/settings/calendar.py", "dashboard/pages/settings/agency.py",
        "templates/dashboard/settings/calendar.html", "templates/dashboard/settings/feed.html",
        "templates/dashboard/settings/agency.html",
    ),
    "connecting": (
        "templates/dashboard/connecting/", "dashboard/pages/connecting/", "integrations/connections/",
        "templates/oauth/", "integrations/oauth/", "integrations/links/",
    ),
    "connection": (
        "templates/dashboard/connection/", "dashboard/pages/connection/", "integrations/gateway/",
        "integrations/tokens.py",
    ),
    "vault": ("templates/dashboard/vault/", "dashboard/pages/vault/", "integrations/dotenv.py", "secrets_vault/vault/"),
    "calls_errors_limits": (
        "templates/dashboard/calls/", "templates/dashboard/errors/", "templates/dashboard/limits/",
        "dashboard/pages/calls/", "dashboard/pages/errors/", "dashboard/pages/limits/", "dashboard/usage/",
        "dashboard/call_words.py",
        "dashboard/failures.py", "dashboard/quotas.py", "dashboard/timeline.py", "integrations/limits/",
        "integrations/models/call.py",
    ),
    "settings": (
        "templates/dashboard/rotations.html", "templates/dashboard/messages/", "templates/dashboard/audit/",
        "templates/dashboard/settings/", "templates/dashboard/sandbox.html", "dashboard/pages/rotations.py",
        "dashboard/pages/mailbox.py", "dashboard/pages/audit.py", "dashboard/pages/settings/",
        "dashboard/pages/sandbox.py", "dashboard/due.py", "secrets_vault/rotation.py", "secrets_vault/recovery_kit.py",
        "integrations/sweeps.py", "integrations/timetable.py", "integrations/sandbox_control/",
        "dashboard/audit_words.py", "dashboard/browsers.py",
    ),
    "rotating": (
        "templates/dashboard/rotating/", "dashboard/pages/rotating/", "integrations/rotating/",
        "integrations/models/rotating.py",
    ),
    "webhooks": (
        "templates/dashboard/webhooks/", "dashboard/pages/webhooks/", "integrations/webhooks/",
        "integrations/models/webhook.py",
    ),
    "reporting": (
        "integrations/api/", "integrations/models/api.py", "templates/dashboard/reporting/",
        "dashboard/pages/reporting/",
    ),
    "integrations": ("templates/emails/", "integrations/"),
    "frame": ("templates/", "dashboard/", "secrets_vault/", "config/"),
}  # fmt: skip


def sources() -> Iterator[str]:
    """Yield the files that may hold texts, as paths from the root."""
    for top in ("config", "dashboard", "integrations", "secrets_vault", "templates"):
        for path in sorted((ROOT / top).rglob("*")):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in (".py", ".html", ".txt", ".toml") and "/migrations/" not in name:
                yield name


def room_of(name: str) -> str:
    """Return the room a file belongs to."""
    return next(room for room, starts in ROOMS.items() if name.startswith(starts))


def collected(room: str) -> Catalog:
    """Return the texts of a room as they stand in the code, without German."""
    found = _empty()
    for name in sources():
        if room_of(name) == room:
            for text in texts_of(ROOT / name, name):
                _add(found, text, name)
    return found


def _empty() -> Catalog:
    return Catalog(locale=LANGUAGE, project="Keylodge", fuzzy=False)


def _add(catalog: Catalog, text: Text, name: str) -> None:
    catalog.add(text.id, locations=[(name, 1)], context=text.context or None)


def po_file(room: str) -> Path:
    """Return where a room's German stands."""
    return LOCALE / room / LANGUAGE / "LC_MESSAGES" / "django.po"


def german(room: str) -> Catalog:
    """Return a room's German as it stands; an empty catalogue where there is none."""
    path = po_file(room)
    if not path.exists():
        return _empty()
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGE, domain="django")


def update(room: str) -> None:
    """Write the room's .po: kept texts with their German, new ones with that of another room, gone ones last."""
    catalog = german(room)
    catalog.update(collected(room), no_fuzzy_matching=True, update_header_comment=False)
    _borrow(catalog, [german(other) for other in ROOMS if other != room])
    path = po_file(room)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(message_files.po_bytes(catalog, plural=PLURAL))
    say_missing(room, shows_texts=False)


def _borrow(catalog: Catalog, others: list[Catalog]) -> None:
    """Give a new text the German that it has in another room already."""
    for message in catalog:
        if message.id and not _is_said(message.string):
            known = (other.get(message.id, message.context) for other in others)
            message.string = next((found.string for found in known if found and _is_said(found.string)), message.string)


def compile_room(room: str) -> None:
    """Write the room's .mo from its .po."""
    po_file(room).with_suffix(".mo").write_bytes(message_files.mo_bytes(german(room), plural=PLURAL))


def missing(room: str) -> list[str]:
    """Return the texts of a room that have no German, or one that somebody must look at."""
    known = german(room)
    lacking = []
    for text in collected(room):
        if not text.id:
            continue
        there = known.get(text.id, text.context)
        whole = there is not None and not there.fuzzy and _is_said(there.string)
        if not whole:
            lacking.append(text.id if isinstance(text.id, str) else text.id[0])
    return lacking


def _is_said(string: object) -> bool:
    return all(string) and bool(string) if isinstance(string, tuple | list) else bool(string)


def say_missing(room: str, *, shows_texts: bool = True) -> None:
    """Print what has no German yet, or only how much it is."""
    lacking = missing(room)
    print(f"{room}: {len(lacking)} without German")
    for text in lacking if shows_texts else ():
        print(f"  {text!r}")


def main(arguments: list[str]) -> int:
    """Do what was asked, for the rooms that were named or for all."""
    acts = {"update": update, "compile": compile_room, "missing": say_missing}
    act = acts.get(arguments[0] if arguments else "")
    named = arguments[1:] or [room for room in ROOMS if po_file(room).exists()]
    if act is None or not set(named) <= set(ROOMS):
        print(f"{__doc__}\nRooms: {', '.join(ROOMS)}")
        return 2
    for room in named:
        act(room)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
