"""Search: the palette's answers, and the same as a page without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.views.decorators.debug import sensitive_post_parameters

from dashboard.finding import find
from dashboard.render import PageRequest, render_page

if TYPE_CHECKING:
    from django.http import HttpResponse

LONGEST = 400


@sensitive_post_parameters("q")
@login_required
def search(request: PageRequest) -> HttpResponse:
    """Answer with what matches. By POST: what is typed may be a secret, and addresses end up in logs."""
    text = request.POST.get("q", "")[:LONGEST].replace("\x00", "")  # PostgreSQL refuses NUL in a text
    context = {"found": find(text, request.user), "has_asked": bool(text.strip())}
    return render_page(request, "dashboard/search.html", context, part="options")
