"""A credential put into a request: in headers, query, path, JSON body, or as a signature over all of it."""

from integrations.injecting.injected import IncompleteCredential, Injected, injected, shown_segment
from integrations.injecting.json_body import BodyNotInjectable, with_fields
from integrations.injecting.request import Prepared, prepared

__all__ = [
    "BodyNotInjectable",
    "IncompleteCredential",
    "Injected",
    "Prepared",
    "injected",
    "prepared",
    "shown_segment",
    "with_fields",
]
