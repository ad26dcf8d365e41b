"""Every page of an installation with the demo in it, in German: nothing breaks, and no English sentence is left."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from allauth.account.models import EmailAddress
from django.test import Client as Browser
from django.utils import timezone

from dashboard import demo_data
from dashboard.demo_data.telling import REPORTS
from integrations.models import Message
from secrets_vault.models import User
from tests.flows import sitemap
from tests.proving import prove
from tests.translations.scan import SHOWN
from tools.messages import ROOMS, german

WORD = re.compile(r"[a-z']+")
# Words that stand in almost every English sentence, and in no German one.
ENGLISH = frozenset(
    [
        "the",
        "is",
        "are",
        "and",
        "of",
        "to",
        "for",
        "with",
        "this",
        "that",
        "your",
        "you",
        "it",
        "its",
        "not",
        "from",
        "by",
        "be",
        "has",
        "have",
        "can",
        "when",
        "what",
        "which",
        "nothing",
        "every",
        "only",
        "or",
        "yet",
        "than",
        "into",
        "there",
        "their",
        "them",
        "until",
        "after",
        "before",
        "here",
        "no",
    ]
)
pytestmark = [pytest.mark.django_db, pytest.mark.matrix]
# What the demo wrote itself, which is data, the names of fields in Make, Zapier and n8n, and of our languages.
DATA = re.compile(r"\bdemo\b|this value opens nothing|^(?:Method|Value|English)$", re.IGNORECASE)
HIDDEN = ("code", "pre", "script", "style", "kbd")


class Nodes(HTMLParser):
    """Collects what a page says: text nodes and the attributes that are read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()
        self.within: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.said |= {" ".join(value.split()) for name, value in attrs if name in SHOWN and value}
        # What says of itself that it is English: facts as the vendors' own pages have them.
        if tag in HIDDEN or self.within[-1:] == [tag] or (tag != "html" and dict(attrs).get("lang") == "en"):
            self.within.append(tag)

    def handle_endtag(self, tag):
        if self.within and self.within[-1] == tag:
            self.within.pop()

    def handle_data(self, data):
        if not self.within and data.strip():
            self.said.add(" ".join(data.split()))


def said_on(page: str) -> set[str]:
    nodes = Nodes()
    nodes.feed(page)
    return nodes.said


def has_german() -> set[str]:
    """Return the English texts that German says otherwise."""
    found = set()
    for room in ROOMS:
        for message in german(room):
            if isinstance(message.id, str) and message.id and message.string != message.id:
                found.add(message.id)
    return found


@pytest.fixture
def olga():
    olga = User.objects.create_user("olga@example.com", None, name="Olga", is_owner=True)
    EmailAddress.objects.create(user=olga, email=olga.email, verified=True, primary=True)
    demo_data.make(demo_data.Size(clients=2, connections_each=4, calls=200, days=3), now=timezone.now())
    return olga


MONOGRAM = 2  # the letters on a tile: To stands for Todoist


def test_no_english_sentence_is_left_on_any_page(olga):
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(olga)
    prove(browser)
    pages = {}

    def fetch(path):
        answer = browser.get(path)
        if not answer.headers.get("Content-Type", "").startswith("text/html") or answer.status_code >= 300:
            return answer.status_code if answer.status_code != 200 else 204, ""
        pages[path] = answer.content.decode()
        return 200, pages[path]

    sitemap.pages(fetch, first=["/", *sitemap.fixed_paths()])
    english = dict(pages)
    User.objects.update(language="de")
    known, left, short = has_german(), {}, 0
    told = " ".join(" ".join(f"{one.subject} {one.body}" for one in Message.objects.all()).split())
    told += "".join(said for _workflow, _step, said, _status in REPORTS)  # what other tools' errors say is theirs
    for path, before in english.items():
        status, page = fetch(path)
        assert status == 200, path
        if '<html lang="de">' not in page:
            short += 1
            continue
        same = said_on(before) & said_on(page)
        if strays := sorted(
            text
            for text in same
            if ((text in known and len(text) > MONOGRAM) or _is_english(text))
            and not (DATA.search(text) or text.removesuffix(" · Keylodge") in told or _is_choice(text, page))
        ):
            left[path] = strays
    assert len(english) - short > 40, sorted(english)
    assert left == {}


def _is_choice(text: str, page: str) -> bool:
    """Tell whether a text only stands in lists to choose from: there, Close is the name of a CRM."""
    return 0 < page.count(f">{text}<") == sum(page.count(f">{text}{end}") for end in ("</option>", "</span></a>"))


def _is_english(text: str) -> bool:
    return len(ENGLISH & set(WORD.findall(text.lower()))) >= 2
