"""What to call a browser: "Chrome on Windows". Browsers name each other's names too, so the order decides."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

gettext_noop("A Python script")
UNKNOWN = gettext_lazy("Unknown browser")

# The first whose mark is in the User-Agent: Edge and Opera also say Chrome, Chrome also says Safari.
NAMES = (
    ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"), ("OPT/", "Opera"),
    ("Vivaldi/", "Vivaldi"), ("SamsungBrowser/", "Samsung Internet"), ("DuckDuckGo/", "DuckDuckGo"),
    ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"), ("Version/", "Safari"), ("curl/", "curl"), ("python-", "A Python script"),
)  # fmt: skip
# An iPad may say it is a Mac, a Chromebook and Android also say Linux.
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
    ("Macintosh", "Mac"), ("Mac OS X", "Mac"), ("Linux", "Linux"), ("X11", "Unix"),
)  # fmt: skip


def browser_words(user_agent: str) -> str:
    """Return "Chrome on Windows", with what is not known left out."""
    name = _(_first(NAMES, user_agent))
    system = _first(SYSTEMS, user_agent)
    if not name and not system:
        return str(UNKNOWN)
    return _("{name} on {system}").format(name=name or UNKNOWN, system=system) if system else name


def _first(table: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((words for mark, words in table if mark in user_agent), "")
