"""Pages that only the owner of the installation sees; for everyone else they are not there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404
from django.http.response import HttpResponseBase

from dashboard.render import PageRequest

View = Callable[..., HttpResponseBase]


def owner_only(view: View) -> View:
    """Answer 404 to anyone but the owner, as for a page that does not exist."""

    @wraps(view)
    def guarded(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_owner:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded
