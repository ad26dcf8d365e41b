"""An encrypted backup to download, and the recovery kit without which none opens."""

from __future__ import annotations

from io import BytesIO

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from dashboard.forms import PageForm
from dashboard.pages.owner import owner_only
from dashboard.render import PageRequest, actor_of, render_page
from secrets_vault import keys, recovery_kit
from secrets_vault.backup import Lock, write_backup
from secrets_vault.errors import VaultError
from secrets_vault.models import AuditEvent
from secrets_vault.people.step_up import step_up_required
from secrets_vault.secret import Secret


class BackupForm(PageForm):
    """The passphrase that encrypts the file. It is stored nowhere."""

    passphrase = forms.CharField(
        min_length=12,
        max_length=500,
        strip=False,
        help_text=gettext_lazy("At least 12 characters. Without it nobody opens the file; Keylodge does not keep it."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=gettext_lazy("The passphrase again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, object]:
        """Compare the two."""
        data = super().clean() or {}
        if data.get("passphrase") and data.get("again") and data["passphrase"] != data["again"]:
            self.add_error("again", _("The two are not the same."))
        return data


@owner_only
@step_up_required
def backup(request: PageRequest) -> HttpResponse:
    """Offer the backup; POST answers with the file."""
    form = BackupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _download(request, Secret(form.cleaned_data["passphrase"]))
        except VaultError as refused:
            form.add_error(None, str(refused))
    made = AuditEvent.objects.filter(action="backup.made").first()
    context = {
        "tab": "backup",
        "form": form,
        "last": made,
        "kit_was_made": recovery_kit.was_made(),
        "fingerprint": keys.unlock().fingerprint,
    }
    return render_page(request, "dashboard/settings/backup.html", context, status=422 if form.is_bound else 200)


def _download(request: PageRequest, passphrase: Secret) -> HttpResponse:
    file = BytesIO()
    now = timezone.now()
    write_backup(file, lock=Lock(passphrase=passphrase), actor=actor_of(request), now=now)
    answer = HttpResponse(file.getvalue(), content_type="application/octet-stream")
    answer.headers["Content-Disposition"] = f'attachment; filename="keylodge-{now:%Y-%m-%d}.age"'
    answer.headers["Cache-Control"] = "no-store, private"
    return answer


@require_POST
@owner_only
@step_up_required
@sensitive_variables("kit")
def kit(request: PageRequest) -> HttpResponse:
    """Download the recovery kit: one page with the wrapping key."""
    try:
        kit = recovery_kit.make_kit(actor=actor_of(request))
    except VaultError as refused:
        messages.error(request, str(refused))
        return HttpResponseRedirect(reverse("dashboard:settings_backup"))
    answer = HttpResponse(kit.as_text(), content_type="text/plain; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="keylodge-recovery-kit.txt"'
    answer.headers["Cache-Control"] = "no-store, private"
    return answer
