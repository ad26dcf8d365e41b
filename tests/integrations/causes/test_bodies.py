"""Each row of the table is hit by a body as its vendor sends it, after the masker has been over it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from integrations.causes import explain, is_confirmed
from integrations.causes.table import Row, read, vendor_rows
from integrations.providers.registry import catalogue
from secrets_vault.masking import Masker

pytestmark = pytest.mark.matrix  # no database: one engine is enough

FOLDER = Path(__file__).parent / "bodies"
SAMPLES: dict[str, list[dict[str, Any]]] = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))["body"] for path in sorted(FOLDER.glob("*.toml"))
}
ENOUGH_ROWS = 150  # what was promised; each from a vendor's own body, so only those count whose words were read
CONFIRMED = [(key, row) for key, group in vendor_rows().items() for row in group if row.is_confirmed]


@pytest.mark.parametrize(
    ("file", "sample"),
    [(file, sample) for file, samples in SAMPLES.items() for sample in samples],
    ids=lambda part: part if isinstance(part, str) else part["code"],
)
def test_a_vendors_own_body_is_explained_by_its_own_row(file: str, sample: dict[str, Any]) -> None:
    masked = Masker().mask(sample["body"], media="application/json")
    cause = explain(sample.get("provider", file), sample["status"], str(masked))
    assert (cause.code, cause.is_known) == (sample["code"], True)
    assert sample.get("says", "") in cause.cause
    assert "{" not in cause.title + cause.cause + cause.remedy


@pytest.mark.parametrize("key", [*vendor_rows()])
def test_no_row_is_without_a_body(key: str) -> None:
    assert {row.code for row in vendor_rows()[key]} == {sample["code"] for sample in SAMPLES[key]}


def test_the_table_is_as_large_as_was_promised() -> None:
    assert len(CONFIRMED) >= ENOUGH_ROWS


@pytest.mark.parametrize(("key", "row"), CONFIRMED, ids=lambda part: part if isinstance(part, str) else part.code)
def test_the_words_that_were_read_at_the_source_stand_in_a_body_of_the_row(key: str, row: Row) -> None:
    bodies = [f"{sample['status']} {sample['body']}" for sample in SAMPLES[key] if sample["code"] == row.code]
    assert any(row.seen in body for body in bodies)


def test_a_cause_tells_whether_its_row_was_read_in_the_vendors_words() -> None:
    for key, group in vendor_rows().items():
        for row in group:
            sample = next(sample for sample in SAMPLES[key] if sample["code"] == row.code)
            provider = sample.get("provider", key)
            assert explain(provider, sample["status"], sample["body"]).is_confirmed is row.is_confirmed
            assert is_confirmed(provider, sample["status"], row.code) is row.is_confirmed


def test_what_keylodge_says_of_itself_and_of_a_status_needs_no_vendors_words() -> None:
    assert explain("hubspot", 500).is_confirmed
    assert explain("hubspot", None, code="refresh_failing").is_confirmed
    assert is_confirmed("hubspot", 500, "refresh_failing")


@pytest.mark.parametrize("key", [*catalogue()])
def test_a_body_that_no_row_knows_is_never_explained_by_a_guess(key: str) -> None:
    for status in (200, 400, 403, 418, 422):
        cause = explain(key, status, '{"note": "nothing that a vendor says"}')
        assert not cause.is_known, (key, status, cause.code)


WHOLE = """
checked_on = 2026-11-22
[[row]]
status = [400]
code = "data"
title = "t"
cause = "c."
remedy = "r."
who = "you"
source = "https://example.com/errors"
"""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("source = \"https://example.com/errors\"", ""), "x.toml: data: source"),
        (("https://", "http://"), "source"),
        (("checked_on = 2026-11-22", ""), "checked_on"),
        (("who = \"you\"", "who = \"somebody\""), "who must be one of"),
        (("status = [400]", ""), "hold for every answer"),
        (("status = [400]", 'status = [400]\nseen = "BAD"'), "go together"),
        (("status = [400]", "status = [400]\nseen_on = 2026-11-22"), "go together"),
        (("status = [400]", "statuses = [400]"), "statuses"),
        (("[[row]]", WHOLE.split("\n", 2)[2] + "[[row]]"), "two rows have this code"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_whole_stops_the_start(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(WHOLE.replace(*change, 1))
    with pytest.raises((TypeError, ValueError), match=says):
        list(read(file))
    file.write_text(WHOLE)
    assert [row.code for row in read(file)] == ["data"]
