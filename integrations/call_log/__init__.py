"""The call log: what happened, masked, written in batches beside the calls and never in their way."""

from integrations.call_log.pages import page
from integrations.call_log.record import CallRecord
from integrations.call_log.retention import drop_old, ensure_partitions
from integrations.call_log.writer import CallWriter

__all__ = ["CallRecord", "CallWriter", "drop_old", "ensure_partitions", "page"]
