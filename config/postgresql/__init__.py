"""Django's PostgreSQL backend, with an end to its patience: a server that says nothing hangs no page for ever."""

# How long one statement may go unanswered, in seconds; None waits for ever. The web process and the worker set it,
# above the lock_timeout of `config/env.py`. A command does not: a migration may rightly take long.
answer_within_s: float | None = None
