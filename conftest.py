"""Gives the tests a KEYLODGE_HOME and, when asked, a PostgreSQL and a Valkey of their own. Settings are named here
and not in pyproject.toml: pytest-django reads that before any conftest, and would open the home of whoever runs them.
"""

import os
import tempfile
from typing import cast

from tests.engines import forget_the_developers_environment, keep_what_is_compiled, start_engines

keep_what_is_compiled()
forget_the_developers_environment()
os.environ["KEYLODGE_HOME"] = tempfile.mkdtemp(prefix="keylodge-tests-")
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
start_engines()

import django  # noqa: E402  # reads the settings

django.setup()

from django.conf import settings  # noqa: E402

# In memory, as Django does it by itself for its own backend; pytest-xdist would give ours a file per worker.
for database in settings.DATABASES.values():
    if database["ENGINE"] == "config.sqlite":
        cast("dict[str, str]", database.setdefault("TEST", {}))["NAME"] = ":memory:"

pytest_plugins = ["tests.live", "tests.browser"]
