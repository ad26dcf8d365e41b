"""The mail with a code: handed to a postman of this process, so that a slow mail server holds no page and no thread.

It is kept nowhere on its way. Whoever asked is told at once what fails at once; later the code is forgotten, so that
the page offers another.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from smtplib import SMTPException

from django.db import DatabaseError, connection

from integrations import mail
from integrations.handover.reading import forget_code
from integrations.models import Handover

logger = logging.getLogger(__name__)

POSTMEN = 2
MOST_WAITING = 20
PATIENCE_S = 1.5
"""How long the page waits for a mail server to say no; one that is slower may still say yes."""

_postmen = ThreadPoolExecutor(max_workers=POSTMEN, thread_name_prefix="code-mail")
_room = threading.BoundedSemaphore(MOST_WAITING)


class NotMailed(Exception):
    """The mail server refused at once, or too many mails wait for it already."""


def mail_code(handover: Handover, subject: str, body: str) -> None:
    """Mail a code that was just made. Raises NotMailed, with the code forgotten."""
    if not _room.acquire(blocking=False):
        forget_code(handover)
        raise NotMailed
    under_way = _postmen.submit(_deliver, handover.confirm_email, subject, body)
    under_way.add_done_callback(lambda _: _room.release())
    try:
        is_sent = under_way.result(timeout=PATIENCE_S)
    except TimeoutError:
        under_way.add_done_callback(lambda done: _forget_late(handover, done))
        return
    if not is_sent:
        forget_code(handover)
        raise NotMailed


def _deliver(to: str, subject: str, body: str) -> bool:
    try:
        mail.deliver(to, subject, body)
    except (OSError, SMTPException) as refused:
        logger.warning("code not mailed", extra={"code": type(refused).__name__})
        return False
    return True


def _forget_late(handover: Handover, done: Future[bool]) -> None:
    """Forget a code whose mail failed after the page had answered. It runs in the postman's own thread."""
    if done.result():
        return
    try:
        forget_code(handover)
    except DatabaseError as trouble:
        logger.warning("code not forgotten", extra={"code": type(trouble).__name__})
    finally:
        connection.close()
