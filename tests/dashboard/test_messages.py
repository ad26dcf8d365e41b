"""Messages: each person's own, read once, kept when there is no mail."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from django.urls import reverse

from integrations import alerts
from integrations.models import Message

pytestmark = pytest.mark.django_db


def browser_for(user) -> Browser:
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(user)
    return browser


def tell(user, key: str = "1", body: str = "Something broke: http://localhost:8000/connections/x/") -> Message:
    message = alerts.say(user, "failing", dedupe_key=key, subject=f"Subject {key}", body=body)
    assert message is not None
    return message


def test_nobody_reads_the_messages_of_another(ada, ben):
    message = tell(ada)
    assert b"Subject 1" in browser_for(ada).get(reverse("dashboard:messages")).content
    other = browser_for(ben)
    assert b"Subject 1" not in other.get(reverse("dashboard:messages")).content
    assert other.get(reverse("dashboard:message", args=[message.pk])).status_code == 404
    other.post(reverse("dashboard:messages_read"), {"which": str(message.pk)})
    assert Message.objects.get().read_at is None


def test_looking_changes_nothing_and_a_button_marks_as_read(ada):
    message = tell(ada)
    browser = browser_for(ada)
    page = browser.get(reverse("dashboard:message", args=[message.pk])).content.decode()
    assert '<a href="http://localhost:8000/connections/x/"' in page
    assert Message.objects.get().read_at is None
    browser.post(reverse("dashboard:messages_read"), {"which": "all"})
    assert Message.objects.get().read_at is not None


def test_those_chosen_are_read_and_nobody_elses(ada, ben):
    first, second, third = tell(ada, "a"), tell(ada, "b"), tell(ada, "c")
    foreign = tell(ben, "d")
    browser = browser_for(ada)
    assert browser.get(reverse("dashboard:messages")).content.count(b'name="chosen"') == 3
    chosen = [str(first.pk), str(third.pk), str(foreign.pk)]
    browser.post(reverse("dashboard:messages_read"), {"chosen": chosen, "do": "read"})
    assert list(Message.objects.filter(read_at=None).order_by("created_at")) == [second, foreign]
    page = browser.get(reverse("dashboard:messages")).content
    assert page.count(b'name="chosen"') == 1
    assert browser.post(reverse("dashboard:messages_read"), {"chosen": "x"}).status_code == 404


def test_markup_in_a_message_is_text(ada):
    message = tell(ada, body="<script>alert(1)</script>")
    page = browser_for(ada).get(reverse("dashboard:message", args=[message.pk])).content
    assert b"<script>alert(1)" not in page


@pytest.mark.parametrize("count", [0, 1, 120])
def test_a_long_mailbox_is_paged(ada, count, django_assert_max_num_queries):
    for n in range(count):
        tell(ada, str(n))
    browser = browser_for(ada)
    browser.get(reverse("dashboard:messages"))
    with django_assert_max_num_queries(10):
        page = browser.get(reverse("dashboard:messages")).content
    assert page.count(b"Subject ") == min(count, 50)


def test_without_a_mail_server_the_page_says_so(ada, settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}
    assert b"Reminders cannot reach you yet" in browser_for(ada).get(reverse("dashboard:messages")).content
