"""Gives the tests a KEYLODGE_HOME of their own. Settings are named here and not in pyproject.toml:
pytest-django reads that before any conftest, and would open the home of whoever runs the tests.
"""

import os
import tempfile

os.environ["KEYLODGE_HOME"] = tempfile.mkdtemp(prefix="keylodge-tests-")
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django

django.setup()
