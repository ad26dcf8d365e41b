"""What a one-time link shows, how often, to whom, and what it never does."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.utils import timezone

from integrations import handover
from integrations.handover import HandoverRefused, Terms, reading
from integrations.links.words import catalogues
from integrations.models import Handover, Message
from secrets_vault import doctor, keyring, vault
from secrets_vault.actor import Actor
from secrets_vault.errors import NoValue, Unreadable
from secrets_vault.models import AuditEvent, KeyTerm
from secrets_vault.secret import Secret
from tests.integrations.handover.conftest import OURS, press

pytestmark = pytest.mark.django_db


def actions():
    return list(
        AuditEvent.objects.filter(action__startswith="handover.").order_by("seq").values_list("action", flat=True)
    )


def state(row):
    row.refresh_from_db()
    return handover.state_of(row, now=timezone.now())


def test_a_value_is_read_once_and_then_the_link_holds_nothing(link_of, phone, value):
    row, path = link_of()
    page = phone.get(path).content.decode()
    assert "Ada hands this over to you" in page
    assert value not in page
    answer = press(phone, path)
    assert value in answer.content.decode()
    assert state(row) == "read"
    assert row.sealed is None
    assert press(phone, path).status_code == phone.get(path).status_code == 404
    assert actions() == ["handover.made", "handover.opened", "handover.read"]


def test_what_is_shown_is_not_cached_names_itself_to_nobody_and_hides_after_half_a_minute(link_of, phone):
    _, path = link_of()
    answer = press(phone, path)
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Refresh"] == "30;url=/handover/hidden/en/"
    assert "script-src" in answer["Content-Security-Policy"]
    assert not answer.cookies
    assert "<form" not in answer.content.decode()
    assert "Hidden again" in phone.get("/handover/hidden/en/").content.decode()


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_preview_changes_nothing_and_sets_nothing(link_of, phone, method):
    _, path = link_of()
    before = list(Handover.objects.values()), AuditEvent.objects.count(), Message.objects.count()
    for _ in range(3):
        answer = getattr(phone, method)(path, headers={"user-agent": "Slackbot-LinkExpanding 1.0"})
        assert answer.status_code == 200
        assert not answer.cookies
        assert "no-store" in answer["Cache-Control"]
    assert (list(Handover.objects.values()), AuditEvent.objects.count(), Message.objects.count()) == before


@pytest.mark.parametrize(
    ("origin", "referer"),
    [
        ("https://evil.example", None),
        ("null", None),
        ("http://localhost:8000.evil.example", None),
        (None, None),
        (None, "https://evil.example/http://localhost:8000/"),
        ("https://evil.example", f"{OURS}/handover/x"),
    ],
)
def test_a_post_from_elsewhere_is_refused(link_of, phone, value, origin, referer):
    row, path = link_of()
    answer = press(phone, path, origin, headers={"referer": referer} if referer else {})
    assert answer.status_code == 403
    assert value not in answer.content.decode()
    assert state(row) == "made"


def test_without_an_origin_our_own_referer_is_enough(link_of, phone, value):
    _, path = link_of()
    answer = press(phone, path, None, headers={"referer": f"{OURS}{path}"})
    assert value in answer.content.decode()
    assert settings.CSRF_COOKIE_NAME not in answer.cookies


def test_unknown_read_revoked_burnt_and_expired_links_are_one_and_the_same_404(link_of, phone, ada, long_ago):
    now = timezone.now()
    read, read_path = link_of()
    press(phone, read_path)
    revoked, revoked_path = link_of()
    assert handover.revoke(revoked, actor=Actor.of(ada), now=now)
    burnt, burnt_path = link_of()
    Handover.objects.filter(pk=burnt.pk).update(burnt_at=now)
    ended, ended_path = link_of(now=long_ago)
    unknown = ("/handover/" + "A" * 43, "/handover/x", "/handover/" + "Z" * 9999)
    pages = {
        (answer.status_code, answer.content)
        for path in (read_path, revoked_path, burnt_path, ended_path, *unknown)
        for answer in (phone.get(path), press(phone, path))
    }
    assert len(pages) == 1
    assert pages.pop()[0] == 404
    assert [state(row) for row in (read, revoked, burnt, ended)] == ["read", "revoked", "burnt", "expired"]


def test_several_views_are_counted_and_the_last_one_empties_the_link(link_of, phone, value):
    row, path = link_of(views=2)
    assert "It can still be shown: 1." in press(phone, path).content.decode()
    row.refresh_from_db()
    assert row.sealed is not None
    assert value in press(phone, path).content.decode()
    row.refresh_from_db()
    assert row.sealed is None
    assert press(phone, path).status_code == 404


def test_a_wrong_passphrase_takes_no_view_and_says_how_many_tries_are_left(link_of, phone, value):
    row, path = link_of(passphrase="correct horse battery")
    answer = press(phone, path, passphrase="correct horse")
    assert (answer.status_code, "Tries left: 4" in answer.content.decode()) == (422, True)
    assert state(row) == "opened"
    assert value in press(phone, path, passphrase="correct horse battery").content.decode()


def test_five_wrong_tries_burn_the_link_and_tell_who_made_it(link_of, phone, value):
    row, path = link_of(passphrase="correct horse battery")
    answers = [press(phone, path, passphrase=f"guess {n}") for n in range(5)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 403]
    assert state(row) == "burnt"
    assert row.sealed is None
    assert press(phone, path, passphrase="correct horse battery").status_code == 404
    assert Message.objects.filter(kind="handover_burnt").count() == 1
    assert actions().count("handover.wrong_try") == 5
    assert actions()[-1] == "handover.burnt"


def test_a_right_try_gives_the_tries_back(link_of, phone):
    row, path = link_of(passphrase="correct horse battery", views=2)
    for _ in range(4):
        press(phone, path, passphrase="wrong")
    press(phone, path, passphrase="correct horse battery")
    row.refresh_from_db()
    assert row.tries_left == 5


def test_who_reads_it_says_their_address_and_the_list_says_who_confirmed(link_of, phone, value):
    row, path = link_of(confirm="email", confirm_email="Office@acme.example")
    assert "acme.example" not in phone.get(path).content.decode()
    assert press(phone, path, email="other@acme.example").status_code == 422
    assert value in press(phone, path, email=" office@ACME.example ").content.decode()
    row.refresh_from_db()
    assert row.confirmed_at is not None
    assert "Confirmed by Office@acme.example" in Message.objects.get(kind="handover_read").body


def test_a_mailed_code_opens_the_link(link_of, phone, value, mailed):
    row, path = link_of(confirm="code", confirm_email="office@acme.example")
    assert 'name="code"' not in phone.get(path).content.decode()
    sent = press(phone, path).content.decode()
    assert "A code is on its way to o…@acme.example" in sent
    (letter,) = mail.outbox
    code = re.search(r"\b\d{6}\b", letter.body)[0]
    assert code not in str(Handover.objects.values().get())
    assert value in press(phone, path, code=f"{code[:3]} {code[3:]}").content.decode()
    assert state(row) == "read"


def test_a_code_ends_after_a_quarter_of_an_hour_and_three_are_mailed_at_most(link_of, phone, value, mailed):
    row, path = link_of(confirm="code", confirm_email="office@acme.example")
    press(phone, path)
    code = re.search(r"\b\d{6}\b", mail.outbox[-1].body)[0]
    Handover.objects.filter(pk=row.pk).update(code_until=timezone.now() - timedelta(seconds=1))
    assert value not in press(phone, path, code=code).content.decode()
    assert len(mail.outbox) == 2
    press(phone, path, send="1")
    assert press(phone, path, send="1").status_code == 429
    assert len(mail.outbox) == 3


def test_every_part_of_the_proof_is_needed(link_of, phone, value):
    _row, path = link_of(passphrase="correct horse battery", confirm="email", confirm_email="office@acme.example")
    assert press(phone, path, passphrase="correct horse battery").status_code == 422
    assert press(phone, path, email="office@acme.example").status_code == 422
    both = {"passphrase": "correct horse battery", "email": "office@acme.example"}
    assert value in press(phone, path, **both).content.decode()


def test_a_text_is_shown_as_it_was_typed(acme, ada, phone):
    text = 'line one\n  <b>ünïcode</b> & "quotes"\n'
    _, url = handover.share_text(
        Secret(text), Terms(label="Note"), client=acme, actor=Actor.of(ada), now=timezone.now()
    )
    page = press(phone, url.removeprefix(OURS)).content.decode()
    assert "  &lt;b&gt;ünïcode&lt;/b&gt; &amp; &quot;quotes&quot;" in page


def test_script_in_a_name_stays_text(stored, ada, phone):
    ada.name = "<script>alert(1)</script>"
    ada.save()
    terms = Terms(label="<img src=x onerror=alert(1)> {who}")
    now = timezone.now()
    _, url = handover.hand_out_secret(stored, ["api_key"], terms, actor=Actor.of(ada), now=now)
    path = url.removeprefix(OURS)
    page = phone.get(path).content.decode() + press(phone, path).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page


@pytest.mark.parametrize("language", sorted(catalogues()))
def test_the_page_speaks_the_language_of_the_link(link_of, phone, language):
    _, path = link_of(language=language, views=2)
    page = phone.get(path).content.decode() + press(phone, path).content.decode()
    assert f'<html lang="{language}"' in page
    assert catalogues()[language]["handover_title"].replace("'", "&#x27;") in page
    assert not re.search(r"{[a-z]+}", page)


def test_the_database_and_every_key_open_nothing_without_the_link(link_of):
    row, path = link_of()
    with pytest.raises(Unreadable):
        vault.open_for_link(row.sealed, token="A" * 43, row_id=row.pk, client=row.client)
    opened = vault.open_for_link(row.sealed, token=path.rpartition("/")[2], row_id=row.pk, client=row.client)
    assert list(opened) == ["api_key"]


def test_a_link_moved_to_another_row_opens_nothing(link_of, phone, value):
    one, one_path = link_of()
    other, _ = link_of()
    Handover.objects.filter(pk=one.pk).update(sealed=other.sealed)
    assert press(phone, one_path).status_code == 404
    assert state(one) == "made"


def test_a_client_whose_keyring_is_destroyed_has_no_readable_link(link_of, phone, acme):
    _row, path = link_of()
    KeyTerm.objects.filter(client=acme).update(state=KeyTerm.State.DESTROYED, wrapped_key=None)
    keyring._ring.clear()
    assert press(phone, path).status_code == 404
    assert "one-time link" in next(found.what for found in doctor.examine() if found.check == "secrets")


def test_an_expired_link_is_emptied_by_the_sweep(link_of, long_ago):
    row, _ = link_of(now=long_ago)
    assert handover.expire_due(now=timezone.now()) == 1
    row.refresh_from_db()
    assert row.sealed is None
    assert handover.expire_due(now=timezone.now()) == 0
    assert actions()[-1] == "handover.expired"


@pytest.mark.parametrize(
    "terms",
    [
        {"views": 0},
        {"views": 11},
        {"works_for": timedelta(0)},
        {"works_for": timedelta(days=31)},
        {"passphrase": "short"},
        {"confirm": "email"},
    ],
    ids=lambda terms: ",".join(terms),
)
def test_a_link_that_cannot_hold_is_not_made(link_of, terms):
    with pytest.raises(HandoverRefused):
        link_of(**terms)
    assert not Handover.objects.exists()
    assert not AuditEvent.objects.filter(action="secret.handed_out").exists()


def test_without_a_mail_server_no_code_can_be_asked_for(link_of, settings):
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}
    with pytest.raises(HandoverRefused):
        link_of(confirm="code", confirm_email="office@acme.example")


def test_an_archived_clients_links_do_not_work(link_of, phone, acme):
    _, path = link_of()
    acme.archived_at = timezone.now()
    acme.save()
    assert phone.get(path).status_code == 404


def test_a_deleted_secret_is_not_handed_out(stored, ada):
    vault.delete(stored, actor=Actor.of(ada))
    with pytest.raises(NoValue):
        handover.hand_out_secret(stored, ["api_key"], Terms(label="x"), actor=Actor.of(ada), now=timezone.now())


def test_a_proof_shows_nothing_of_itself():
    assert repr(reading.Proof(passphrase="a", email="b", code="c")) == "Proof()"
    assert "hunter2" not in repr(Terms(label="x", passphrase="hunter2 hunter2"))
