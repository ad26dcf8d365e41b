"""The sandbox as a process of its own, for the faults of a provider that speaks OAuth."""

from tests.integrations.sandbox.conftest import sandbox, shared_sandbox

__all__ = ["sandbox", "shared_sandbox"]
