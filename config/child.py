"""One child of the supervisor: `python -m config.child web|worker|beat`."""

import logging
import os
import signal
import sys
import threading
import warnings

from config import postgresql
from config.run import follow_the_supervisor


def _web() -> None:
    from config.web import serve

    serve()


def _worker() -> None:
    from config.celery import app
    from integrations.gateway.held import running
    from integrations.webhooks import forwarding
    from secrets_vault import generation

    generation.start_listener()  # several machines on PostgreSQL: a changed secret is dropped here too
    forwarding.start()
    running.start()
    stopping = threading.Event()
    threading.Thread(target=_sweep_anyway, args=(stopping,), name="sweep-anyway").start()
    # A worker alone needs no news of others; and as root in a container it need not warn at each start.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser")
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    try:
        app.start(["--quiet", "worker", "--pool", "threads", "--concurrency", "4", *alone])
    finally:
        stopping.set()  # the process ends once that thread has: a sweep under way is not cut off
        running.stop()
        forwarding.stop()


def _sweep_anyway(stopping: threading.Event) -> None:
    """Run what is due even when no bell rings: without a broker, or without beat, work is late and never left."""
    from django.db import DatabaseError, connections

    from integrations.tasks import tick

    while not stopping.wait(SWEEP_ANYWAY_EVERY_S):
        try:
            tick()  # sweeps are claimed by lease: those that a bell has run are not due
        except DatabaseError:
            logging.getLogger(__name__).exception("sweeps not run, trying again")
        finally:
            connections.close_all()


def _beat() -> None:
    """Run the timetable. It keeps no file: what is due is in the tables."""
    from config.celery import app

    app.start(["--quiet", "beat", "--scheduler", "celery.beat:Scheduler", "--pidfile", ""])


def _log_safely() -> None:
    """Set Django up with its LOGGING, and mask what goes to stderr past every logger, such as a last traceback."""
    import django

    django.setup()
    from secrets_vault.masking import lately, log_format

    masked = logging.getLogger().handlers[0].formatter
    log_format.install(known=lately.known)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(masked)  # ours also writes the reference


ANSWER_WITHIN_S = 25.0
SWEEP_ANYWAY_EVERY_S = 30.0
CHILDREN = {"web": _web, "worker": _worker, "beat": _beat}


def main() -> None:
    """Run the named child until it is asked to stop."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor alone decides
    follow_the_supervisor()
    postgresql.answer_within_s = ANSWER_WITHIN_S
    _log_safely()
    CHILDREN[sys.argv[1]]()


if __name__ == "__main__":
    main()
