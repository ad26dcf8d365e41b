"""Finding calls among millions by any mix of filters: pages by key both ways, at a cost that has a bound."""

from integrations.call_log.search.criteria import Criteria
from integrations.call_log.search.pages import PAGE_SIZE, Found, count, counted, find, nearest

__all__ = ["PAGE_SIZE", "Criteria", "Found", "count", "counted", "find", "nearest"]
