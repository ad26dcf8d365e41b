"""Callers who go away: what is still under way for one of them ends."""

from __future__ import annotations

import asyncio

from integrations.gateway.body import CallerBody, CallerGone

WATCHED_AFTER_S = 0.25


class Watch:
    """The calls of one event loop that nobody listens for yet.

    A call that is over in a quarter of a second is not watched: listening for a caller who stays costs more than such
    a call can still save upstream. One timer serves them all.
    """

    def __init__(self) -> None:
        self._begun: dict[EndedWithCaller, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: EndedWithCaller) -> None:
        """Listen for the caller, should the call last."""
        loop = asyncio.get_running_loop()
        self._begun[call] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(WATCHED_AFTER_S, self._look, loop)

    def drop(self, call: EndedWithCaller) -> None:
        """Forget a call that is over."""
        self._begun.pop(call, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        oldest = loop.time() - WATCHED_AFTER_S
        lasting = [call for call, begun in self._begun.items() if begun <= oldest]
        for call in lasting:
            del self._begun[call]
            call.listen()
        self._timer = loop.call_later(WATCHED_AFTER_S, self._look, loop) if self._begun else None


class EndedWithCaller:
    """Cancels what runs inside when the caller goes away; then CallerGone is raised.

    A body that is still coming watches the caller by itself.
    """

    __slots__ = ("_body", "_is_over", "_listening", "_task", "_watch")

    def __init__(self, body: CallerBody, watch: Watch) -> None:
        self._body, self._watch = body, watch
        self._is_over = False
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        if self._body.is_read:
            self._watch.add(self)

    def listen(self) -> None:
        """Begin to listen for the caller."""
        self._listening = asyncio.create_task(self._body.gone())
        self._listening.add_done_callback(self._leave)

    def _leave(self, listening: asyncio.Task[None]) -> None:
        if not listening.cancelled() and not self._is_over and self._task is not None:
            self._task.cancel()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        listening, self._is_over = self._listening, True
        has_left = listening is not None and listening.done() and not listening.cancelled()
        self._watch.drop(self)
        if listening is not None:
            listening.cancel()
        if isinstance(error, asyncio.CancelledError) and has_left and self._task and self._task.uncancel() == 0:
            raise CallerGone from None
