"""What the start checks before anything listens."""

from __future__ import annotations

import pytest
from django.core.management.base import CommandError

from config.management.commands import serve
from config.run import Child, restart_delay_s
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.secret import Secret
from tests.factories import make_client, make_user


def store_for(client):
    return vault.store(
        actor=COMMAND,
        client=client,
        environment=client.environments.first(),
        kind="api_key",
        label="key",
        fields={"api_key": Secret("sk_live_0123456789abcdef")},
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("is_sandbox", "is_real"), [(True, False), (False, True)])
def test_debug_knows_a_real_secret_from_the_sandboxs(is_sandbox, is_real):
    from secrets_vault import keys

    keys.initialise()
    store_for(make_client(is_sandbox=is_sandbox))
    assert serve.holds_a_real_secret() is is_real


@pytest.mark.django_db
def test_the_owner_link_is_offered_only_while_there_is_no_user():
    from secrets_vault import keys

    keys.initialise()
    assert "/setup/" in serve.owner_link()
    make_user("Ada")
    assert serve.owner_link() is None


def test_a_home_that_is_held_is_refused(tmp_path):
    held = serve.hold_home(tmp_path)
    with pytest.raises(CommandError, match="already running"):
        serve.hold_home(tmp_path)
    held.close()
    serve.hold_home(tmp_path).close()


def test_a_child_that_keeps_crashing_waits_longer_up_to_five_seconds():
    delays = [restart_delay_s(crashes) for crashes in range(9)]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (0.1, 5.0)


class Ended:
    """A process that has just ended."""

    def poll(self):
        return 1


def test_a_child_that_ran_steadily_starts_again_at_once():
    child = Child("web", process=Ended(), started_at=0.0, crashes=6)
    assert child.ended(now=100.0) == 1
    assert (child.crashes, child.start_again_at) == (0, 100.1)
