"""A cause says when it rests on what is known of the vendor, and not on the vendor's own words."""

from datetime import date

import pytest

from integrations.causes import table
from integrations.models import ErrorGroup
from integrations.models.call import Outcome
from tests.dashboard.errors.conftest import write

pytestmark = pytest.mark.django_db

ROWS = table.FOLDER
SAID = "By what is known of HubSpot; not yet seen in its own words."
ROW = """checked_on = 2026-11-22
[[row]]
status = [429]
any_of = ["DAILY"]
code = "limit_daily"
title = "Daily limit used up"
cause = "The portal has used all its calls for today."
remedy = "Wait until tomorrow."
who = "client"
source = "https://example.com/errors"
"""


@pytest.fixture
def rows_of(tmp_path, monkeypatch):
    """Return what puts HubSpot's rows into a table of their own, for one test."""

    def put(text):
        (tmp_path / "hubspot.toml").write_text(text)
        for name in table.OURS:
            (tmp_path / f"{name}.toml").write_text((ROWS / f"{name}.toml").read_text())
        monkeypatch.setattr(table, "FOLDER", tmp_path)
        table.rows.cache_clear()

    yield put
    monkeypatch.undo()
    table.rows.cache_clear()


@pytest.mark.parametrize(
    ("seen", "is_said"), [("", True), (f'seen = "DAILY"\nseen_on = {date(2026, 11, 23)}\n', False)]
)
def test_a_cause_that_no_words_of_the_vendor_confirm_says_so(browser_of, ada, hubspot, rows_of, seen, is_said):
    rows_of(ROW + seen)
    call = write(hubspot, status=429, outcome=Outcome.LIMITED, response_body=b'{"policyName": "DAILY"}')
    assert ErrorGroup.objects.get().code == "limit_daily"
    for path in (f"/errors/{ErrorGroup.objects.get().pk}/", f"/calls/{call.pk}/"):
        content = browser_of(ada).get(path).content.decode()
        assert "The portal has used all its calls for today." in content
        assert (SAID in content) is is_said


def test_what_a_status_means_by_itself_needs_no_vendor(browser_of, ada, hubspot):
    write(hubspot, status=500)
    assert "not yet seen in its own words" not in browser_of(ada).get("/errors/").content.decode()
