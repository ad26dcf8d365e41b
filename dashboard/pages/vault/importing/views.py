"""The two pages: the file, and what was read of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dashboard.forms import PageForm
from dashboard.pages.vault.forms import AgeFields, SecretText, places
from dashboard.pages.vault.importing import drafts, running
from dashboard.pages.vault.importing.drafts import JOINED, Choice, Draft
from dashboard.pages.vault.importing.knowing import Known
from dashboard.pages.vault.importing.rows import A_PAGE, chosen, environments_of, provider_key_of, rows_of
from dashboard.render import PageRequest, render_page
from integrations.importing import CONNECT, CONNECT_WITH, MAX_BYTES, ImportRefused, gives_consents, read_import
from integrations.providers.registry import all_providers
from secrets_vault.errors import VaultError
from secrets_vault.models import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from secrets_vault.models import User

LARGEST_UPLOAD = 8 * 1024 * 1024


class PasteForm(PageForm):
    """The text or the file, and whose it is."""

    place = forms.ChoiceField(label=gettext_lazy("Client and environment"))
    file = forms.FileField(
        label=gettext_lazy("A file"),
        required=False,
        help_text=gettext_lazy("Choose it, or drop it here: .env, CSV, JSON, n8n, Bitwarden, 1Password (1PUX)."),
    )
    text = forms.CharField(
        label=gettext_lazy("Or its text"),
        strip=False,
        required=False,
        max_length=MAX_BYTES,
        help_text=gettext_lazy("In an .env, quotes, export, comments and values over several lines are understood."),
        widget=SecretText(rows=12),
    )
    how = forms.ChoiceField(
        label=gettext_lazy("Propose"),
        choices=[
            ("each", gettext_lazy("One secret for each value that looks like a credential, a set of the rest")),
            (JOINED, gettext_lazy("One set, as the file is")),
        ],
        initial="each",
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"].choices = places(user)  # type: ignore[attr-defined]

    def data_of_file(self) -> bytes:
        """Return what was dropped, else what was pasted."""
        file = self.cleaned_data["file"]
        return file.read() if file else self.cleaned_data["text"].encode()


class SaveForm(AgeFields):
    """What holds for all rows."""

    set_label = forms.CharField(label=gettext_lazy("Name of the set"), max_length=100, initial=".env")
    set_how = forms.ChoiceField(
        label=gettext_lazy("If there is a set of this name already"),
        required=False,
        choices=[
            ("merge", gettext_lazy("Store its next version: values of the same name change, the others stay")),
            ("new", gettext_lazy("Leave it, and store another set")),
        ],
        initial="merge",
        widget=forms.RadioSelect,
    )


def paste(request: PageRequest) -> HttpResponse:
    """Take a file and show what was read. Nothing is stored in the vault yet."""
    initial = {"place": request.GET.get("environment", "")}
    form = PasteForm(request.POST or None, request.FILES or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            found = read_import(_data(request, form))
        except ImportRefused as refused:
            form.add_error("file" if form.cleaned_data["file"] else "text", str(refused))
        else:
            if found.items:
                environment = _environment(request.user, form.cleaned_data["place"])
                place = f"{environment.client.slug}/{environment.slug}"
                Draft(place, form.cleaned_data["how"], found, time.time()).keep(request)
                return HttpResponseRedirect(reverse("dashboard:secret_import_preview"))
            form.add_error(None, _("No value was found in it. Is it one of the formats named here?"))
    has_place = bool(form.fields["place"].choices)  # type: ignore[attr-defined]
    kept = drafts.load(request)
    context = {"form": form, "has_place": has_place, "run": kept.run if kept is not None else None}
    return render_page(request, "dashboard/vault/paste.html", context, status=422 if form.is_bound else 200)


def _data(request: PageRequest, form: PasteForm) -> bytes:
    """Return the bytes. A file that is too large was dropped on its way here; the request's length still tells."""
    data = form.data_of_file()
    if not data and int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_UPLOAD:
        raise ImportRefused(_("The file is larger than 8 MB."))
    if not data:
        raise ImportRefused(_("Choose a file, or paste its text."))
    return data


def _environment(user: User, pk: str) -> Environment:
    rows = Environment.objects.manageable_by(user).select_related("client")
    found: Environment = rows.filter(pk=pk).get()
    return found


@require_POST
def drop(request: PageRequest) -> HttpResponse:
    """Throw away what was read, or the rest of it."""
    draft = drafts.load(request)
    drafts.throw_away(request)
    if draft is not None and draft.run is not None and draft.run.stored:
        messages.info(request, _("The rest is thrown away. What was stored stays."))
    else:
        messages.info(request, _("What was read is thrown away. Nothing was stored."))
    return HttpResponseRedirect(reverse("dashboard:secret_import"))


def preview(request: PageRequest) -> HttpResponse:
    """Show a page of rows, keep what was chosen on it, and store everything when asked."""
    draft, known_places = drafts.load(request), environments_of(request.user)
    if draft is not None and draft.run is not None:
        return HttpResponseRedirect(reverse("dashboard:secret_import_run"))
    if draft is None or draft.place not in known_places:
        return HttpResponseRedirect(reverse("dashboard:secret_import"))
    numbers, problems = _page(draft, request.GET.get("page", "")), dict[int, str]()
    form = SaveForm(request.POST if request.POST.get("go") == "store" else None)
    if request.method == "POST":
        problems = _take_choices(request, draft, known_places, numbers=numbers)
        draft.keep(request)
        go = request.POST.get("go", "")
        if not problems and go.isdecimal():
            return HttpResponseRedirect(f"{reverse('dashboard:secret_import_preview')}?page={int(go[:4])}")
        is_ready = not problems and go == "store" and form.is_valid()
        if is_ready and (answer := _store(request, draft, known_places, form)):
            return answer
    context = _context(draft, known_places, form, numbers=numbers) | {
        "rows": rows_of(draft, known_places, request.user, numbers=numbers, problems=problems)
    }
    is_wrong = bool(problems) or form.is_bound
    return render_page(request, "dashboard/vault/preview.html", context, status=422 if is_wrong else 200)


def _page(draft: Draft, text: str) -> range:
    number = int(text[:4]) if text.isdecimal() else 1
    last = max(1, -(-len(draft.found.items) // A_PAGE))
    start = (min(max(number, 1), last) - 1) * A_PAGE
    return range(start, min(start + A_PAGE, len(draft.found.items)))


def _take_choices(
    request: PageRequest, draft: Draft, known_places: Mapping[str, Environment], *, numbers: range
) -> dict[int, str]:
    """Keep what was chosen on this page; return what is wrong, by row. A row that was not sent stays as it was."""
    problems: dict[int, str] = {}
    for number in numbers:
        if (act := request.POST.get(f"act-{number}")) is None:
            continue
        provider_key = provider_key_of(request.POST.get(f"provider-{number}", ""))
        label = " ".join(request.POST.get(f"label-{number}", "").split())[:120]
        choice = Choice(act, label, provider_key or "", request.POST.get(f"place-{number}", "").strip())
        if wrong := _wrong(draft, number, choice, known_places, is_provider_known=provider_key is not None):
            problems[number] = wrong
        else:
            draft.choices[number] = choice
    return problems


def _wrong(
    draft: Draft, number: int, choice: Choice, known_places: Mapping[str, Environment], *, is_provider_known: bool
) -> str:
    item = draft.found.items[number]
    if choice.act not in draft.acts(item) and not _is_version(choice):
        return _("Choose what becomes of it.")
    if not choice.label.isprintable() or not choice.label:
        return _("Give it a name.")
    if choice.place not in known_places:
        return _("There is no such client and environment. Choose one of the list.")
    if choice.act in (CONNECT, CONNECT_WITH) and not gives_consents(choice.provider_key):
        return _("Choose the provider that it connects: one where somebody can consent.")
    return "" if is_provider_known else _("There is no such provider. Choose one of the list, or none.")


def _is_version(choice: Choice) -> bool:
    parts = choice.act.split(":")
    return choice.is_version and len(parts) == 3 and all(len(part) == 36 for part in parts[1:])


def _store(
    request: PageRequest, draft: Draft, known_places: Mapping[str, Environment], form: SaveForm
) -> HttpResponse | None:
    """Store all rows, those of pages nobody opened too. None when it was refused; the form says why."""
    everything = range(len(draft.found.items))
    known = Known.of(draft.found.items, known_places.values(), request.user)
    draft.choices = chosen(draft, known_places, known, numbers=everything)
    try:
        return running.begin(request, draft, form.cleaned_data)
    except (VaultError, ValueError, KeyError) as refused:
        is_ours = isinstance(refused, VaultError)
        form.add_error(None, str(refused) if is_ours else _("Something of it is gone. Read the file again."))
        return None


def _context(
    draft: Draft, known_places: Mapping[str, Environment], form: SaveForm, *, numbers: range
) -> dict[str, Any]:
    page, total = numbers.start // A_PAGE + 1, len(draft.found.items)
    return {
        "form": form,
        "draft": draft,
        "environment": known_places[draft.place],
        "total": total,
        "first": numbers.start + 1,
        "last": numbers.stop,
        "before": page - 1 if page > 1 else None,
        "after": page + 1 if numbers.stop < total else None,
        "places": known_places.items(),
        "providers": all_providers(),
    }
