"""Calendar addresses on their pages, and the agency's name and logo."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Visitor
from PIL import Image, PngImagePlugin

from integrations.agency import agency
from integrations.models import CalendarFeed, LinkTemplate

pytestmark = pytest.mark.django_db


def address_in(page):
    return re.search(r"/calendar/[A-Za-z0-9_-]{43}\.ics", page)[0]


def test_ones_own_address_is_shown_once_renewed_and_ended(browser_of, ada):
    browser = browser_of(ada)
    page = browser.post("/settings/calendar/", {"do": "make"}, follow=True).content.decode()
    first = address_in(page)
    assert Visitor(SERVER_NAME="localhost").get(first).status_code == 200
    assert ".ics" not in browser.get("/settings/calendar/").content.decode()
    browser.post("/settings/calendar/", {"do": "make"})
    assert Visitor(SERVER_NAME="localhost").get(first).status_code == 404
    browser.post("/settings/calendar/", {"do": "end"})
    assert not CalendarFeed.objects.exists()


@pytest.mark.parametrize(("who", "there"), [("ada", True), ("ben", False), ("cora", False)])
def test_who_manages_a_client_makes_its_address(request, browser_of, acme, who, there):
    answer = browser_of(request.getfixturevalue(who)).post("/clients/acme/calendar/", {"do": "make"}, follow=True)
    assert CalendarFeed.objects.filter(client=acme).exists() is there
    assert (".ics" in answer.content.decode()) is there


def picture(kind="PNG", size=(600, 200), **options):
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind, **options)
    return out.getvalue()


def upload(browser, data, name="logo.png", **fields):
    return browser.post("/settings/agency/", {"name": "Northlight", "logo": SimpleUploadedFile(name, data), **fields})


def test_a_logo_is_drawn_anew_and_nothing_else_of_the_file_is_kept(browser_of, olive):
    hidden = PngImagePlugin.PngInfo()
    hidden.add_text("Comment", "<script>alert('from the file')</script>")
    data = picture(pnginfo=hidden) + b"<script>appended</script>"
    assert upload(browser_of(olive), data).status_code == 302
    assert agency().name == "Northlight"
    answer = Visitor(SERVER_NAME="localhost").get(f"/connect/logo/{agency().logo}.png")
    assert answer["Content-Type"] == "image/png"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert b"script" not in answer.content
    assert Image.open(io.BytesIO(answer.content)).size == (480, 160)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "no PNG"),
        (b"GIF89a" + b"\0" * 40, "no PNG"),
        (picture()[:60], "no PNG"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 600_000, "larger than 512 KB"),
        (picture(size=(4000, 4000)), "four million"),
        (b"<html><script>alert(1)</script>", "no PNG"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(browser_of, olive, data, said):
    answer = upload(browser_of(olive), data)
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert agency().logo == ""


def test_a_logo_is_taken_away_again(browser_of, olive):
    browser = browser_of(olive)
    upload(browser, picture("JPEG"), name="logo.jpg")
    old = agency().logo
    browser.post("/settings/agency/", {"name": "Northlight", "removes_logo": "on"})
    assert agency().logo == ""
    assert Visitor(SERVER_NAME="localhost").get(f"/connect/logo/{old}.png").status_code == 404


def test_a_template_is_made_changed_used_for_a_new_client_and_deleted(browser_of, olive):
    browser = browser_of(olive)
    form = {
        "name": "Shop",
        "why": "For the shop",
        "lands_as": "pending",
        "line_0": "openai · api key",
        "line_1": "Stripe · API key",
    }
    assert browser.post("/links/templates/new/", form).status_code == 302
    template = LinkTemplate.objects.get()
    assert [line["provider_key"] for line in template.asks] == ["openai", "stripe"]
    assert (
        "Choose one from the list"
        in browser.post("/links/templates/new/", form | {"name": "X", "line_0": "Nonsense"}).content.decode()
    )
    assert "of this name already" in browser.post("/links/templates/new/", form).content.decode()
    answer = browser.post(
        "/clients/new/", {"name": "Lamps", "environments": ["production"], "template": str(template.pk)}
    )
    assert f"template={template.pk}" in answer["Location"]
    page = browser.get(answer["Location"]).content.decode()
    assert f'<option value="{template.pk}" selected>' in page
    terms = {"days": "7", "language": "en", "lands_as": "current", "template": str(template.pk)}
    made = browser.post(answer["Location"], terms, follow=True).content.decode()
    assert "0 of 2 there" in made
    assert browser.post(f"/links/templates/{template.pk}/delete/").status_code == 302
    assert not LinkTemplate.objects.exists()
