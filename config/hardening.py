"""What every process of Keylodge does first: files for the owner only, no core dumps."""

import os
import resource


def harden() -> None:
    """Make new files 0600 and folders 0700, and forbid core dumps, which would hold keys in the clear."""
    os.umask(0o077)
    _soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
