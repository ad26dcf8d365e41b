"""`provision`: a client as a file, applied whole or not at all (`contract.md`, Provisioning)."""

from config.provision.applying import provision
from config.provision.probing import probe_all
from config.provision.problems import BadFile

__all__ = ["BadFile", "probe_all", "provision"]
