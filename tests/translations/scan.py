"""Finds what a person would read in a template and nobody can translate, since no tag is around it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

COMMENT = re.compile(r"{%\s*comment\b.*?endcomment\s*%}|{#.*?#}", re.DOTALL)
BLOCK = re.compile(r"{%\s*blocktranslate\b.*?endblocktranslate\s*%}", re.DOTALL)
# Blocks that lie within a tag of HTML: its classes and attributes, and a tag whose name is worked out.
ATTRIBUTES = re.compile(
    r"{% block (?:body_class|body_attributes|size) %}.*?{% endblock|<{%.*?%}>(?={% slot)", re.DOTALL
)
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
# A constant in a tag: read by a person when it has words; `_("…")` and {% translate "…" %} are translated.
CONSTANT = re.compile(r'(?<![\w|:])"([^"]*)"')
SAID = re.compile(
    r"{%\s*(?:include|badge|ago|local_time|icon|gauge|sparkline|histogram|hour_bars|rotation_strip)\b.*?%}"
)
NAMED = re.compile(r'\b(?:icon|id|tab|url|other_url|button_id|target|tone|name|value|style|key)="[^"]*"')
ICON = re.compile(r'(?<={% badge)(.*["\w]) "[a-z0-9-]+"(?= *%})')
TRANSLATED = re.compile(r'_\("[^"]*"\)')
FILTER = re.compile(r'\|(?:yesno|default|default_if_none):"([^"]* [^"]*|\([^"]*|[a-z]+,[a-z]+)"')
WORD = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2,}")
SHOWN = ("title", "aria-label", "placeholder", "alt", "data-l", "aria-description", "data-words")
# Names, and what a machine reads: the same in every language.
NAMES = {
    "Keylodge", "HubSpot", "OAuth", "URL", "URLs", "HTTP", "HTTPS", "JSON", "CSV", "API", "curl", "Python", "Node",
    "n8n", "Make", "Zapier", "ms", "min", "kB", "MB", "KB", "Ctrl", "Esc", "ID", "IP", "UTC", "SMTP", "SQLite",
    "PostgreSQL", "OpenAI", "Stripe", "GET", "POST", "Bearer", "Authorization", "SHA", "AES", "GCM", "make", "run",
    "PUBLIC_URL", "EMAIL_URL", "TOTP", "QR", "Token", "Name", "Status", "PDF", "Base", "vs", "JavaScript", "PKCE",
    "Webhooks", "Webhook", "SDK", "JWT", "Bitwarden", "env", "Version", "Passkey", "Sandbox",
    "Limit", "Limits", "Enter", "Header",
}  # fmt: skip


class Texts(HTMLParser):
    """Collects text nodes and the attributes that are read aloud or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in SHOWN and value]
        if tag in ("code", "kbd", "pre", "script", "style"):
            self.within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.within and self.within[-1] == tag:
            self.within.pop()

    def handle_data(self, data: str) -> None:
        if not self.within:
            self.found.append(data)


def unwrapped(source: str) -> list[str]:
    """Return the texts of a template that would stay English."""
    source = ATTRIBUTES.sub(" ", BLOCK.sub(" ", COMMENT.sub(" ", source)))
    parser = Texts()
    parser.feed(TAG.sub(" ", source))
    said = [word for tag in SAID.findall(source) for word in _constants(tag)]
    said += FILTER.findall(source)
    return [" ".join(text.split()) for text in [*parser.found, *said] if _is_read(text)]


def _constants(tag: str) -> list[str]:
    """Return a tag's constants but for its first, the template, the tone or the icon, and others that are names."""
    plain = re.sub(r'"[^"]*"', "", NAMED.sub("", tag), count=1)
    rest = ICON.sub(r"\1", TRANSLATED.sub('""', plain))
    return CONSTANT.findall(rest)


def _is_read(text: str) -> bool:
    return any(word not in NAMES for word in WORD.findall(re.sub(r"&\w+;", " ", text)))


def templates_of(root: Path) -> list[Path]:
    """Return every template of ours that makes a page or a mail."""
    return sorted(path for path in (root / "templates").rglob("*") if path.suffix in (".html", ".txt"))
