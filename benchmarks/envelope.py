"""Sealing and opening 64 bytes, beside Fernet, in the same run: `python benchmarks/envelope.py`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cryptography.fernet import Fernet

from secrets_vault.envelope import Place, open_blob, seal
from secrets_vault.ids import uuid7

ROUNDS, CALLS = 200, 50


def microseconds(act: Callable[[], object]) -> float:
    """Return the time of one call."""
    began = time.perf_counter()
    for _ in range(CALLS):
        act()
    return (time.perf_counter() - began) / CALLS * 1e6


def main() -> None:
    """Interleave the two, so that a busy machine slows both, and print the best of the rounds and the ratios."""
    plaintext, key, term = b"x" * 64, bytes(range(32)), uuid7()
    place = Place(installation=uuid7(), client=uuid7(), environment=uuid7(), row=uuid7(), number=1, field="api_key")
    fernet = Fernet(Fernet.generate_key())
    blob, token = seal(plaintext, key=key, term=term, place=place), fernet.encrypt(plaintext)
    acts: dict[str, Callable[[], object]] = {
        "seal": lambda: seal(plaintext, key=key, term=term, place=place),
        "fernet encrypt": lambda: fernet.encrypt(plaintext),
        "open": lambda: open_blob(blob, key_of=lambda _: key, place=place),
        "fernet decrypt": lambda: fernet.decrypt(token),
    }
    times: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(ROUNDS):
        for name, act in acts.items():
            times[name].append(microseconds(act))
    best = {name: min(found) for name, found in times.items()}
    for name, time_us in best.items():
        print(f"{name:15} {time_us:7.1f} µs")
    print(f"seal / encrypt  {best['seal'] / best['fernet encrypt']:7.2f}")
    print(f"open / decrypt  {best['open'] / best['fernet decrypt']:7.2f}")


if __name__ == "__main__":
    main()
