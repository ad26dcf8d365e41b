"""Gives the tests a KEYLODGE_HOME of their own, before any settings are read."""

import os
import tempfile

os.environ["KEYLODGE_HOME"] = tempfile.mkdtemp(prefix="keylodge-tests-")
