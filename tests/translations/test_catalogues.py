"""Every text has its German, and the German fits into the place of the English."""

from __future__ import annotations

import re

import pytest
from django.template.loader import get_template

from tests.translations.scan import templates_of, unwrapped
from tools import message_files
from tools.messages import PLURAL, ROOMS, ROOT, german, missing, po_file, room_of

pytestmark = pytest.mark.matrix  # no database: one engine is enough

MADE = [room for room in ROOMS if po_file(room).exists()]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?\w+[^>]*>|&\w+;")


def said_in(message):
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return ids, strings


@pytest.mark.parametrize("room", ROOMS)
def test_every_text_has_its_german(room):
    assert missing(room) == [], "run `python -m tools.messages update`, then fill the empty msgstr in its django.po"


@pytest.mark.parametrize("room", MADE)
def test_the_german_has_the_same_placeholders_and_tags(room):
    for message in german(room):
        ids, strings = said_in(message)
        if message.id:
            # The plural has every placeholder; a singular may say "one" instead of the number.
            wanted = sorted(PLACEHOLDER.findall(ids[-1]))
            assert sorted(PLACEHOLDER.findall(strings[-1])) == wanted, message.id
            assert set(PLACEHOLDER.findall(strings[0])) <= set(wanted), message.id


@pytest.mark.parametrize("room", MADE)
def test_what_is_read_at_run_time_is_what_was_written(room):
    compiled = po_file(room).with_suffix(".mo").read_bytes()
    assert compiled == message_files.mo_bytes(german(room), plural=PLURAL), "run `python -m tools.messages compile`"


def test_a_text_says_the_same_in_every_room():
    known: dict[tuple[object, object], tuple[object, str]] = {}
    for room in MADE:
        for message in german(room):
            if message.id:
                key = (message.context, str(message.id))
                other, where = known.setdefault(key, (message.string, room))
                assert message.string == other, f"{message.id!r}: {room} and {where} differ; use a context"


def test_every_file_belongs_to_a_room():
    for path in templates_of(ROOT):
        assert room_of(path.relative_to(ROOT).as_posix()) in ROOMS


@pytest.mark.parametrize("room", ROOMS)
def test_no_text_of_a_template_stands_outside_the_tags(room):
    found = {
        name: left
        for path in templates_of(ROOT)
        if room_of(name := path.relative_to(ROOT).as_posix()) == room and (left := unwrapped(path.read_text("utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("<p>Nothing is due.</p>", ["Nothing is due."]),
        ('<p title="Nothing is due.">{% translate "Fine" %}</p>', ["Nothing is due."]),
        ("<p>{% blocktranslate %}Nothing <b>is</b> due.{% endblocktranslate %}</p>", []),
        ('{% badge "warn" "age unknown" "circle-help" %}', ["age unknown"]),
        ('{% badge "warn" _("age unknown") "circle-help" %}', []),
        ("<th>Age</th><code>make run</code> HubSpot · {{ name }}", ["Age"]),
        ('{{ row.name|default:"not known" }}{{ row.is_demo|yesno:"demo,sandbox" }}', ["not known", "demo,sandbox"]),
        ("{% comment %}Inputs: name.{% endcomment %}{# a note #}", []),
    ],
)
def test_the_scan_sees_what_a_person_reads(source, left):
    assert unwrapped(source) == left


@pytest.mark.parametrize("path", templates_of(ROOT), ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_every_template_can_be_read(path):
    assert get_template(path.relative_to(ROOT / "templates").as_posix())
