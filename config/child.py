"""One child of the supervisor: `python -m config.child web|worker|beat`."""

import logging
import os
import signal
import sys
import warnings

from config import postgresql
from config.run import follow_the_supervisor


def _web() -> None:
    from config.web import serve

    serve()


def _worker() -> None:
    from config.celery import app
    from secrets_vault import generation

    generation.start_listener()  # several machines on PostgreSQL: a changed secret is dropped here too
    # A worker alone needs no news of others; and as root in a container it need not warn at each start.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser")
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.start(["--quiet", "worker", "--pool", "threads", "--concurrency", "4", *alone])


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
