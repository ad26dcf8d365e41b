"""What a browser sees before there is an owner."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from secrets_vault.models import User


class FirstRunMiddleware:
    """While there is no user, `/` says where the one-time link was printed, instead of asking to sign in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.has_user = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request. Once a user exists, nobody is asked about it again."""
        if request.path == "/" and not self.has_user and not request.user.is_authenticated:
            self.has_user = User.objects.exists()
            if not self.has_user:
                return render(request, "people/first_run.html")
        return self.get_response(request)
