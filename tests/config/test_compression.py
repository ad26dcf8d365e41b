"""What is compressed on its way to the browser, and what is not."""

from __future__ import annotations

import gzip

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.middleware import CompressionMiddleware

STYLES = b".many { color: inherit }" * 100


def answer_with(kind: str, *, status: int = 200) -> HttpResponse:
    request = RequestFactory().get("/", headers={"Accept-Encoding": "gzip, br"})
    return CompressionMiddleware(lambda _: HttpResponse(STYLES, content_type=kind, status=status))(request)


def test_styles_arrive_compressed():
    answer = answer_with("text/css; charset=utf-8")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == STYLES


@pytest.mark.parametrize(("kind", "status"), [("text/html", 200), ("application/json", 200), ("text/css", 206)])
def test_a_page_and_a_part_of_a_file_arrive_as_they_are(kind, status):
    answer = answer_with(kind, status=status)
    assert "Content-Encoding" not in answer.headers
    assert answer.content == STYLES
