"""Why a call failed, in plain words: what happened, what to do, and who must act."""

from integrations.causes.explain import Cause, explain, is_confirmed
from integrations.causes.paths import path_template

__all__ = ["Cause", "explain", "is_confirmed", "path_template"]
