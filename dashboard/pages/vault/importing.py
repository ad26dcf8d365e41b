"""Pasting an .env: read, shown with guesses, then stored at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from dashboard.pages.vault.forms import AgeFields, SecretText, places
from dashboard.render import PageRequest, actor_of, render_page
from integrations.dotenv import Entry, Parsed, parse_env
from integrations.providers.registry import get_provider, guess_by_name, guess_by_value
from secrets_vault import vault
from secrets_vault.errors import VaultError
from secrets_vault.models import Environment, StoredSecret
from secrets_vault.secret import Secret, mask

if TYPE_CHECKING:
    from secrets_vault.actor import Actor
    from secrets_vault.models import User

DRAFT_KEY = "vault.import"
"""Where the text waits between preview and saving: the session's data is sealed by the vault."""


class PasteForm(PageForm):
    """The text, and whose it is."""

    place = forms.ChoiceField(label=gettext_lazy("Client and environment"))
    text = forms.CharField(
        label=gettext_lazy("The .env file"),
        strip=False,
        max_length=1_000_000,
        help_text=gettext_lazy(
            "NAME=value lines. Quotes, export, comments and values over several lines are understood."
        ),
        widget=SecretText(rows=14),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"].choices = places(user)  # type: ignore[attr-defined]


class SaveForm(AgeFields):
    """How to store what was read."""

    how = forms.ChoiceField(
        label=gettext_lazy("Store as"),
        choices=[
            ("set", gettext_lazy("One set, as the file is")),
            ("each", gettext_lazy("One secret for each value that looks like a credential")),
        ],
        initial="set",
        widget=forms.RadioSelect,
    )
    label = forms.CharField(max_length=100, initial=".env")


@dataclass(frozen=True)
class Line:
    """One variable in the preview: never its value."""

    name: str
    line: int
    masked: str
    provider_name: str
    words: str
    known_at: list[StoredSecret]


def paste(request: PageRequest) -> HttpResponse:
    """Take the text and show what was read. Nothing is stored in the vault yet."""
    form = PasteForm(request.POST or None, user=request.user, initial={"place": request.GET.get("environment", "")})
    if request.method == "POST" and form.is_valid():
        parsed = parse_env(form.cleaned_data["text"])
        if parsed.entries:
            request.session[DRAFT_KEY] = {"place": form.cleaned_data["place"], "text": form.cleaned_data["text"]}
            return HttpResponseRedirect(reverse("dashboard:secret_import_preview"))
        form.add_error("text", _("No NAME=value line was found. Is it an .env file?"))
    context = {"form": form, "has_place": bool(form.fields["place"].choices)}  # type: ignore[attr-defined]
    return render_page(request, "dashboard/vault/paste.html", context, status=422 if form.is_bound else 200)


def preview(request: PageRequest) -> HttpResponse:
    """Show each variable with its guess, and store them when asked."""
    draft = request.session.get(DRAFT_KEY)
    environment = _environment(request.user, draft["place"]) if draft else None
    if draft is None or environment is None:
        return HttpResponseRedirect(reverse("dashboard:secret_import"))
    parsed = parse_env(draft["text"])
    form = SaveForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            stored = _save(parsed, form.cleaned_data, environment, actor=actor_of(request))
        except VaultError as refused:
            form.add_error(None, str(refused))
        else:
            del request.session[DRAFT_KEY]
            messages.success(request, f"{len(stored)} {'secret is' if len(stored) == 1 else 'secrets are'} stored.")
            return HttpResponseRedirect(f"{reverse('dashboard:vault')}?client={environment.client.slug}")
    context = {
        "form": form,
        "environment": environment,
        "lines": [_line(entry, request.user) for entry in parsed.entries],
        "problems": parsed.problems,
        "duplicates": parsed.duplicates,
    }
    return render_page(request, "dashboard/vault/preview.html", context, status=422 if form.is_bound else 200)


def _environment(user: User, pk: str) -> Environment | None:
    return Environment.objects.manageable_by(user).select_related("client").filter(pk=pk).first()


def _line(entry: Entry, user: User) -> Line:
    guesses = guess_by_value(entry.value) or guess_by_name(entry.name)
    guess = guesses[0] if guesses else None
    known = vault.find_value(entry.value).visible_to(user).filter(version__secret__deleted_at=None)[:5]
    return Line(
        name=entry.name,
        line=entry.line,
        masked=mask(entry.value.expose(), is_token=bool(guess and guess.is_secret)),
        provider_name=get_provider(guess.provider_key).name if guess else "",
        words=guess.words if guess else "",
        known_at=list({row.version.secret_id: row.version.secret for row in known}.values()),
    )


def _save(parsed: Parsed, data: dict[str, Any], environment: Environment, *, actor: Actor) -> list[StoredSecret]:
    """Store everything or nothing. Of a name given twice the last value counts, as in a shell."""
    values = {entry.name: entry.value for entry in parsed.entries}
    about = {"actor": actor, "client": environment.client, "environment": environment, "made_on": data["made_on"]}
    if data["how"] == "set":
        return [vault.store(kind="key_value_set", label=data["label"], fields=values, **about)]
    keys = {name: value for name, value in values.items() if _is_credential(name, value)}
    rest = {name: value for name, value in values.items() if name not in keys}
    with transaction.atomic():
        stored = [_store_key(name, value, about) for name, value in keys.items()]
        if rest:
            stored.append(vault.store(kind="key_value_set", label=data["label"], fields=rest, **about))
    return stored


def _is_credential(name: str, value: Secret) -> bool:
    guesses = guess_by_value(value) or guess_by_name(name)
    return bool(value) and any(guess.is_secret for guess in guesses)


def _store_key(name: str, value: Secret, about: dict[str, Any]) -> StoredSecret:
    guess = (guess_by_value(value) or guess_by_name(name))[0]
    return vault.store(
        kind="api_key", label=name[:120], fields={"api_key": value}, provider_key=guess.provider_key, **about
    )
