"""Starts the sandbox: one JSON line on stdout, then it serves until SIGTERM, Ctrl-C or a closed lifeline."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from integrations.sandbox import control
from integrations.sandbox.app import make_app
from integrations.sandbox.oauth import metadata
from integrations.sandbox.wire import Server
from integrations.sandbox.world import World

STOPPING = {signal.SIGTERM, signal.SIGINT}


def main(arguments: list[str]) -> int:
    """Serve; return the exit code."""
    asked = parse(arguments)
    # Authlib refuses http URLs. The sandbox listens on loopback only, where RFC 8252 section 8.3 allows them.
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    world = World(asked.state)
    try:
        server = Server(asked.port)
    except OSError as error:
        sys.stderr.write(f"sandbox: port {asked.port} cannot be used: {error.strerror}.\n")
        return 2
    world.url = f"http://127.0.0.1:{server.server_port}"
    server.app = make_app(world)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps(first_line(world)) + "\n")
    sys.stdout.flush()
    if asked.lifeline:
        threading.Thread(target=_follow_lifeline, daemon=True).start()
    signal.sigwait(STOPPING)
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1; a free one when left out")
    parser.add_argument("--state", type=Path, help="a file that keeps the identity and the grants over a restart")
    parser.add_argument(
        "--lifeline", action="store_true", help="end when stdin is closed, as it is when the parent dies"
    )
    return parser.parse_args(arguments)


def first_line(world: World) -> dict[str, object]:
    """Return what the first line says."""
    about = metadata(world)
    return {
        "url": world.url,
        **control.keys(world),
        "control_url": world.url + world.control_path,
        "authorize_url": about["authorization_endpoint"],
        "token_url": about["token_endpoint"],
        "revoke_url": about["revocation_endpoint"],
        "introspect_url": about["introspection_endpoint"],
        "required_scopes": world.ways.required_scopes,
        "optional_scopes": world.ways.optional_scopes,
    }


def _follow_lifeline() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
