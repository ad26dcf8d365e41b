"""Many at once, at the doors of four real processes: limits are shared, and a code counts once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from allauth.mfa.totp.internal import auth as totp

from tests.live import LiveKeylodge
from tests.visitor import Answer, Visitor

pytestmark = pytest.mark.processes
PASSWORD = "tavoki-lumare-pidosu"


@pytest.fixture(scope="module")
def four_processes(tmp_path_factory) -> Iterator[LiveKeylodge]:
    home = tmp_path_factory.mktemp("four") / "home"
    live = LiveKeylodge(home, KEYLODGE_WEB_PROCESSES="4", KEYLODGE_TRUSTED_PROXIES="1").wait_until_started()
    live.make_owner(email="ada@example.com", password=PASSWORD)
    yield live
    live.stop()


def at_once(acts: list[Callable[[], Answer]]) -> list[Answer]:
    """Do all of this side by side."""
    with ThreadPoolExecutor(20) as pool:
        return [future.result() for future in [pool.submit(act) for act in acts]]


def actions(live: LiveKeylodge) -> list[str]:
    """Return what the book says was done, oldest first."""
    exported = live.command("export", "audit", "--format", "jsonl")
    assert exported.returncode == 0, exported.stderr
    return [json.loads(line)["action"] for line in exported.stdout.splitlines()]


def has_signed_in(answer: Answer) -> bool:
    return answer.status == 302 and not answer.leads_to.startswith("/accounts/")


def test_of_two_hundred_wrong_passwords_ten_are_looked_at_and_the_owners_browser_still_signs_in(four_processes):
    known = Visitor(four_processes.url, ip="203.0.113.5")
    assert has_signed_in(known.sign_in("ada@example.com", PASSWORD))
    known.post("/accounts/logout/")
    before = actions(four_processes).count("login.failed")
    strangers = [Visitor(four_processes.url, ip=f"198.51.100.{n}") for n in range(20)]
    tries = [partial(who.sign_in, "ada@example.com", "wrong-wrong-wrong") for who in strangers] * 10
    answers = at_once(tries)
    assert {answer.status for answer in answers} == {200}
    # `login.failed` is written when the hasher has said no; a try beyond the limit never gets there.
    assert 1 <= actions(four_processes).count("login.failed") - before <= 10
    assert not has_signed_in(strangers[0].sign_in("ada@example.com", PASSWORD))
    assert has_signed_in(known.sign_in("ada@example.com", PASSWORD))


PEOPLE_WITH_CODES = """
import json
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from secrets_vault.models import User
said = {{}}
for name in ("ben", "cora"):
    user = User.objects.create_user(name + "@example.com", {password!r}, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    said[name] = [secret, *RecoveryCodes.activate(user).generate_codes()]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def codes(four_processes) -> dict[str, list[str]]:
    """Make two people with an authenticator app; return the secret and the recovery codes of each."""
    made = four_processes.command("shell", "-v", "0", "-c", PEOPLE_WITH_CODES.format(password=PASSWORD))
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.splitlines()[-1])


def at_the_second_step(live: LiveKeylodge, email: str, n: int) -> Visitor:
    """Return a browser that has given the right password and is asked for a code."""
    visitor = Visitor(live.url, ip=f"192.0.2.{n}")
    assert visitor.sign_in(email, PASSWORD).leads_to == "/accounts/2fa/authenticate/"
    return visitor


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_a_code_given_by_twenty_at_once_counts_once(four_processes, codes, who):
    with ThreadPoolExecutor(4) as pool:  # fewer than the tries of an account
        doors = list(pool.map(lambda n: at_the_second_step(four_processes, f"{who}@example.com", n), range(20)))
    code = totp_code(codes["ben"][0]) if who == "ben" else codes["cora"][1]
    tried = at_once([lambda door=door: door.post("/accounts/2fa/authenticate/", code=code) for door in doors])
    assert sum(map(has_signed_in, tried)) == 1, [(answer.status, answer.leads_to) for answer in tried]


def totp_code(secret: str) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))
