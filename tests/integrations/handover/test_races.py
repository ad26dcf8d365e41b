"""Two readers at the same moment: the database decides, on both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.utils import timezone

from integrations.handover import reading
from integrations.models import Handover
from tests.live import LiveKeylodge
from tests.visitor import Visitor

READERS = 12
MAKE = """
from django.utils import timezone
from integrations.handover import Terms, share_text
from secrets_vault.actor import COMMAND
from secrets_vault.secret import Secret
for terms in (Terms(label="once"), Terms(label="guarded", passphrase="correct horse battery")):
    print(share_text(Secret("the only copy"), terms, client=None, actor=COMMAND, now=timezone.now())[1])
"""


@pytest.mark.django_db
def test_of_two_who_found_the_same_open_link_one_reads(link_of):
    _, path = link_of()
    token, now = path.rpartition("/")[2], timezone.now()
    first, second = (reading.find_open(token, now=now) for _ in range(2))
    assert first is not None
    assert second is not None
    actor = reading.actor_of(first)
    assert list(reading.read(first, token, reading.Proof(), now=now, actor=actor)) == ["api_key"]
    with pytest.raises(reading.Gone):
        reading.read(second, token, reading.Proof(), now=now, actor=actor)
    assert Handover.objects.get().views_used == 1


@pytest.mark.processes
def test_of_readers_and_guessers_at_the_same_moment_one_reads_and_five_are_judged(tmp_path):
    live = LiveKeylodge(tmp_path / "home", KEYLODGE_WEB_PROCESSES="2").wait_until_started()
    try:
        made = live.command("shell", "-v", "0", "-c", MAKE)
        assert made.returncode == 0, made.stderr
        once, guarded = [line[line.index("/handover/") :] for line in made.stdout.split()]
        with ThreadPoolExecutor(READERS) as pool:
            doors = [Visitor(live.url) for _ in range(READERS)]
            read = list(pool.map(lambda door: door.post(once), doors))
            guessed = list(pool.map(lambda door: door.post(guarded, passphrase="wrong wrong"), doors))
    finally:
        live.stop()
    assert sum("the only copy" in answer.text for answer in read) == 1
    assert sorted({answer.status for answer in read}) == [200, 404]
    assert 1 <= sum(answer.status in (422, 403) for answer in guessed) <= 5
