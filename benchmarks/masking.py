"""Masking 200 KB: Keylodge's masker beside one plain regular expression over the same text.

Run it with `python -m benchmarks.masking`. Anchor and product are interleaved; medians of CPU time.
"""

import json
import platform
import re
import statistics
import time
from collections.abc import Callable
from functools import partial

from secrets_vault.masking import Masker

SIZE = 200_000
ROUNDS = 15
ANCHOR = re.compile(r"(?i)(password|secret|token|api[_-]?key)[\"']?\s*[:=]\s*[\"']?[^\s\"',&]+")


def texts() -> dict[str, str]:
    """Return three texts of 200 KB as a call log sees them, with a few secrets in each."""
    contacts = [
        {"id": i, "name": f"Contact {i}", "email": f"user{i}@example.com", "created_at": "2026-11-22T02:24:05Z",
         "properties": {"stage": "lead", "amount": "19.99", "url": f"https://example.com/contacts/{i}?page=2"}}
        for i in range(1200)
    ]  # fmt: skip
    lines = [
        f"2026-11-22T02:24:{i % 60:02d}Z INFO web request_id=3f2504e0-4f89-41d3-9a0c-{i:012d} "
        f"GET /v1/x/{i} status=200 dur={i}ms\n"
        for i in range(2000)
    ]
    row = '<div class="row"><a href="/x/1">Item</a><p>Prices &amp; things: 12.50 EUR.</p></div>\n'
    tail = ' {"password": "hunter2"} api_key=abcdefgh12345678 '
    return {
        k: (v[:SIZE] + tail) for k, v in (("json", json.dumps(contacts)), ("log", "".join(lines)), ("html", row * 2500))
    }


def cpu_ms(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return (time.thread_time() - start) * 1000


def main() -> None:
    print(f"{platform.machine()}, Python {platform.python_version()}, {ROUNDS} rounds, CPU time of the thread")
    masker = Masker([f"known-value-{i}-{i * 7919}" for i in range(200)])
    for name, text in texts().items():
        anchored, masked = partial(ANCHOR.sub, "****", text), partial(masker.mask, text)
        pairs = [(cpu_ms(anchored), cpu_ms(masked)) for _ in range(ROUNDS)]
        anchor, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{name:5} anchor {anchor:6.1f} ms   masker {ours:6.1f} ms   ratio {ours / anchor:4.1f}")


if __name__ == "__main__":
    main()
