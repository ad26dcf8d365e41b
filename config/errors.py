"""What a visitor and a log see of an error: a reference, never a value."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

TEXTS = {
    400: (gettext_lazy("This request could not be read"), gettext_lazy("Go back, reload the page and try again.")),
    403: (
        gettext_lazy("This form has expired or came from elsewhere"),
        gettext_lazy(
            "Go back, reload the page and send it again. If it happens again, check that your browser accepts "
            "our cookies."
        ),
    ),
    404: (
        gettext_lazy("There is nothing here"),
        gettext_lazy("It may have been removed, or it is not yours to see. Start again from Today."),
    ),
    500: (
        gettext_lazy("Something broke on our side"),
        gettext_lazy(
            "Nothing you typed was shown to anyone. Try again; if it stays broken, look for this reference in the log."
        ),
    ),
}
CANNOT_WRITE = (
    gettext_lazy("Keylodge cannot save anything just now"),
    gettext_lazy(
        "Nothing was changed. The disk may be full or the database busy: try again in a few seconds, and if it stays "
        "so, look for this reference in the log."
    ),
)
TRY_AGAIN_S = 5
NOT_ALLOWED = (
    gettext_lazy("You may not do this"),
    gettext_lazy("Your account may look at this but not change it. The owner of this Keylodge can give you the right."),
)


def error_page(request: HttpRequest, status: int) -> HttpResponse:
    """Return the page for a status: what happened, what to do, and the reference to find it in the log."""
    return _page(request, status, *TEXTS[status])


def _page(request: HttpRequest, status: int, title: StrOrPromise, advice: StrOrPromise) -> HttpResponse:
    """Return the page, or, when htmx asked for a fragment, one notice that it puts where notices are shown."""
    said: dict[str, StrOrPromise] = {"title": title, "advice": advice, "reference": getattr(request, "reference", "")}
    if settings.KEYLODGE_DEBUG:
        said["error_type"] = getattr(sys.exc_info()[0], "__name__", "")
    if request.headers.get("HX-Request") != "true" or request.headers.get("HX-Boosted") == "true":
        return HttpResponse(render_to_string("errors/error.html", said), status=status)
    notice = HttpResponse(render_to_string("errors/error.html#notice", said), status=status)
    notice.headers["HX-Retarget"] = "#notices"
    notice.headers["HX-Reswap"] = "innerHTML"
    return notice


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400."""
    return error_page(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    """Answer 403: to who may not do this, or (with a reason) to a failed CSRF check."""
    return error_page(request, 403) if reason else _page(request, 403, *NOT_ALLOWED)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404, the same for what is absent and for what is somebody else's."""
    return error_page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 with Retry-After when the database could not do its part: a full disk, a lock, a restart."""
    problem = sys.exc_info()[1]
    if not isinstance(problem, OperationalError) and not isinstance(
        getattr(problem, "__cause__", None), OperationalError
    ):
        return error_page(request, 500)
    answer = _page(request, 503, *CANNOT_WRITE)
    answer.headers["Retry-After"] = str(TRY_AGAIN_S)
    return answer


class NothingShown(SafeExceptionReporterFilter):
    """Hides every variable, setting, cookie and form field from Django's own reports."""

    def is_active(self, request: HttpRequest | None) -> bool:
        """Filter always: Django's own filter rests when DEBUG is on."""
        return True

    def get_safe_settings(self) -> dict[str, Any]:
        """Show no setting."""
        return {}

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        """Show no header."""
        return {}

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        """Show no cookie."""
        return {}

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Show no form field."""
        return {}

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: Any) -> Any:
        """Show no local variable."""
        return []


class ReferenceOnly(ExceptionReporter):
    """Stands in for Django's technical error page, should anything ever switch that on."""

    def get_traceback_html(self) -> SafeString:
        """Return our own page, with the type of the error as the only detail."""
        title, advice = TEXTS[500]
        context = {"title": title, "advice": advice, "reference": getattr(self.request, "reference", "")}
        return render_to_string("errors/error.html", context)

    def get_traceback_text(self) -> SafeString:
        """Return the same in words."""
        return mark_safe(f"{TEXTS[500][0]}. Reference: {getattr(self.request, 'reference', '')}")  # noqa: S308  # ours
