"""A client's environment as an .env file: asked for again, written in the book, streamed, kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.render import PageRequest, actor_of
from integrations.dotenv import Entry, format_env
from integrations.environment_values import Values, values_for_a_person
from secrets_vault.errors import VaultError
from secrets_vault.models import Client, Environment
from secrets_vault.people import login_limits
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

MOST_IN_A_WINDOW = 10


@require_POST
@step_up_required
def env_file(request: PageRequest, slug: str) -> HttpResponseBase:
    """Download the current values of one environment."""
    client = get_object_or_404(Client.objects.manageable_by(request.user), slug=slug)
    environment = _environment(client, request.POST.get("environment", ""))
    back = HttpResponseRedirect(reverse("dashboard:client_secrets", args=[slug]))
    if environment is None:
        messages.error(request, _("Choose one of this client's environments."))
        return back
    budget = login_limits.Budget(f"env-file:{request.user.pk}", MOST_IN_A_WINDOW)
    if not login_limits.take(budget, now=timezone.now()):
        messages.error(request, _("Too many files in a quarter of an hour. Wait a little."))
        return back
    try:
        values = values_for_a_person(environment, actor=actor_of(request))
    except VaultError as refused:
        messages.error(request, _("Nothing was written. {why}").format(why=refused))
        return back
    if not values.variables:
        messages.info(request, _("There is no value to write: this environment holds none."))
        return back
    return _download(values, name=f"{client.slug}.{environment.slug}.env", head=_head(environment))


def _environment(client: Client, pk: str) -> Environment | None:
    try:
        return client.environments.select_related("client").filter(pk=UUID(pk)).first()
    except ValueError:
        return None


def _head(environment: Environment) -> str:
    return _("{client}, {environment}, written by Keylodge on {day}").format(
        client=environment.client.name, environment=environment.slug, day=timezone.localdate().isoformat()
    )


def _download(values: Values, *, name: str, head: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_lines(values, head=head), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store, private"
    return response


def _lines(values: Values, *, head: str) -> Iterator[str]:
    """Yield the file by its variables, under the label of the secret that each is from."""
    yield _comment(head)
    for label in values.left_out:
        yield _comment(_("not in this file: {label}").format(label=label))
    above = ""
    for variable in values.variables:
        if variable.label not in (above, variable.name):
            yield "\n" + _comment(variable.label)
        above = variable.label
        yield format_env([Entry(variable.name, variable.value, 0)])


def _comment(text: str) -> str:
    """Return a text on one line. A label with a line break would otherwise begin a line of the file."""
    return f"# {' '.join(text.split())}\n"
