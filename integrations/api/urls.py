"""The addresses of /api/v1. None asks for a session: a token stands in its place, and there is no cookie to forge."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from integrations.api.app import api, as_problems, nothing


def _open(pattern: URLPattern) -> URLPattern:
    view = require_safe(pattern.callback) if pattern.name == "openapi-json" else pattern.callback
    pattern.callback = csrf_exempt(login_not_required(as_problems(view)))
    return pattern


app_name = "api"
_patterns, *_namespace = api.urls
urlpatterns = [
    *(_open(pattern) for pattern in _patterns if isinstance(pattern, URLPattern) and pattern.name != "api-root"),
    path("", csrf_exempt(login_not_required(nothing)), name="api-root"),
    path("<path:rest>", csrf_exempt(login_not_required(nothing)), name="nothing"),
]
