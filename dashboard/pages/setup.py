"""The first page of all: who owns this installation."""

from __future__ import annotations

import zoneinfo

from allauth.account.internal.flows.login import record_authentication
from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from secrets_vault.actor import Actor
from secrets_vault.models import User
from secrets_vault.people import setup_link
from secrets_vault.people.middleware import address_of
from secrets_vault.people.passwords import suggest_passphrase


class OwnerForm(forms.Form):
    """Name, e-mail, password. The password is never written back into the page."""

    name = forms.CharField(
        max_length=120, label=gettext_lazy("Your name"), widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = forms.EmailField(
        max_length=254,
        label=gettext_lazy("E-mail address"),
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    password = forms.CharField(
        max_length=1000,
        strip=False,
        label=gettext_lazy("Password"),
        help_text=gettext_lazy("At least 15 characters. A few words in a row are easy to remember and hard to guess."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    time_zone = forms.CharField(
        required=False, max_length=64, widget=forms.HiddenInput(attrs={"data-fill-time-zone": ""})
    )

    def clean(self) -> dict[str, object]:
        """Check the password against the name and e-mail beside it."""
        data = super().clean() or {}
        person = User(name=data.get("name", ""), email=data.get("email", ""))
        try:
            validate_password(str(data.get("password", "")), person)
        except ValidationError as weak:
            self.add_error("password", weak)
        return data

    def clean_time_zone(self) -> str:
        """Return the browser's zone, or UTC when it names none that we know."""
        name = self.cleaned_data["time_zone"]
        return name if name in zoneinfo.available_timezones() else "UTC"


@never_cache
@login_not_required
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Make the owner. An unknown, used or expired link is 404, and says where a new one comes from."""
    invitation = setup_link.find(token, now=timezone.now())
    if invitation is None:
        return render(request, "people/setup_over.html", {"has_owner": User.objects.exists()}, status=404)
    initial = {"email": invitation.email, "name": invitation.name}
    form = OwnerForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        return _make(request, form)
    status = 422 if form.is_bound else 200
    context = {"form": form, "passphrase": suggest_passphrase()}
    return render(request, "people/setup.html", context, status=status)


def _make(request: HttpRequest, form: OwnerForm) -> HttpResponse:
    data = form.cleaned_data
    owner = setup_link.make_owner(
        email=data["email"],
        name=data["name"],
        password=data["password"],
        time_zone=data["time_zone"],
        actor=Actor(kind="system", label="one-time link", ip=address_of(request)),
    )
    if owner is None:
        raise Http404("There is an owner already.")
    login(request, owner, backend=settings.AUTHENTICATION_BACKENDS[0])
    record_authentication(request, owner, method="password", reauthenticated=True)
    return HttpResponseRedirect(reverse("setup_secure"))


@never_cache
def secure(request: HttpRequest) -> HttpResponse:
    """Offer a passkey or an authenticator app, now or later."""
    return render(request, "people/secure.html", {"has_passkeys": settings.HAS_PASSKEYS})
