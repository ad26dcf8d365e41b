"""The certificate on paper: the same statements as the JSON, whose hash and signature it names."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from integrations import alerts
from integrations.models import OffboardingItem
from secrets_vault import certificates

STYLES = getSampleStyleSheet()
SMALL = ParagraphStyle("small", parent=STYLES["BodyText"], fontSize=8, leading=10)
CODE = ParagraphStyle("code", parent=SMALL, fontName="Courier", fontSize=7, leading=9, wordWrap="CJK")
GRID = TableStyle(
    [
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.HexColor("#c8ccd4")),
        ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eef0f4")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ]
)
WIDTHS = (26 * mm, 52 * mm, 32 * mm, 34 * mm, 30 * mm)


def as_pdf(statement: dict[str, Any], signature: str) -> bytes:
    """Return the certificate as a PDF, in the language that is active."""
    file = io.BytesIO()
    title = _("Certificate of off-boarding: {name}").format(name=statement["client"]["name"])
    margin = 18 * mm
    paper = SimpleDocTemplate(
        file, pagesize=A4, title=title, author=statement["agency"], leftMargin=margin, rightMargin=margin,
        topMargin=margin, bottomMargin=margin, invariant=1,
    )  # fmt: skip
    paper.build(list(_story(statement, signature, title)))
    return file.getvalue()


def _story(statement: dict[str, Any], signature: str, title: str) -> Iterable[Flowable]:
    destroyed = statement["destroyed"]
    yield _text(title, "Title")
    yield _text(_("Issued by {agency}").format(agency=statement["agency"]))
    yield Spacer(1, 4 * mm)
    yield _text(_("What was destroyed"), "Heading2")
    said = _(
        "On {at} the encryption keys of this client were destroyed in this installation, on the order of {by}, and its "
        "rows were deleted. Afterwards it was verified that no key of the client opens and no row of it is left."
    )
    yield _text(said.format(at=_when(destroyed["at"]), by=destroyed["by"]))
    yield _text(_("Backups"), "Heading2")
    newest = statement["backups"]["newest_before"]
    yield _text(
        _(
            "A backup made before holds the same keys, wrapped by the installation's wrapping key, beside the values "
            "they open. It stays readable for whoever has both, until it is deleted. Newest backup before: {newest}."
        ).format(newest=_when(newest) if newest else _("none was recorded"))
    )
    yield _text(_("Access that was ended"), "Heading2")
    yield _ended(statement["ended"])
    if statement["handed_over"]:
        yield _text(_("Handed over by one-time links"), "Heading2")
        for row in statement["handed_over"]:
            yield _text(f"{row['what']}: {row['state']} {_when(row['read_at'])}")
    yield _text(_("How to check this"), "Heading2")
    address = alerts.page_url("/certificate/check")
    yield _text(_("Upload the JSON file of this certificate at {address}.").format(address=address))
    yield from _marks(statement, signature)


def _marks(statement: dict[str, Any], signature: str) -> Iterable[Flowable]:
    named = (
        ("SHA-256", certificates.digest(statement)),
        (_("Key"), f"{statement['key']['id']} ({statement['key']['algorithm']}) {statement['key']['public']}"),
        (_("Signature"), signature),
        (_("Destroyed keys"), ", ".join(destroyed_terms(statement))),
    )
    for name, value in named:
        yield Paragraph(f"<b>{escape(name)}</b>", SMALL)
        yield Paragraph(escape(value), CODE)


def destroyed_terms(statement: dict[str, Any]) -> list[str]:
    """Return the names of the keys that were destroyed."""
    terms: list[str] = statement["destroyed"]["key_terms"]
    return terms


def _ended(items: list[dict[str, Any]]) -> Flowable:
    if not items:
        return _text(_("Nothing gave access any more."))
    head = [_("Kind"), _("What"), _("Provider"), _("Outcome"), _("When")]
    rows = [[Paragraph(f"<b>{escape(word)}</b>", SMALL) for word in head]]
    rows += [[Paragraph(escape(cell), SMALL) for cell in _cells(item)] for item in items]
    return Table(rows, colWidths=WIDTHS, style=GRID, repeatRows=1)


def _cells(item: dict[str, Any]) -> tuple[str, ...]:
    kind, outcome = OffboardingItem.Kind(item["kind"]).label, OffboardingItem.Outcome(item["outcome"]).label
    marks = " ".join(mark[:12] for mark in item["fingerprints"][:3])
    what = f"{item['what']} [{marks}]" if marks else item["what"]
    return str(kind), what, item["provider"], str(outcome), _when(item["at"])


def _when(text: str | None) -> str:
    return text.replace("T", " ").replace("Z", " UTC") if text else ""


def _text(text: str, style: str = "BodyText") -> Paragraph:
    return Paragraph(escape(text), STYLES[style])
