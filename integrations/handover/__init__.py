"""One-time links that hand a secret out: made, read as often as was said, ended."""

from integrations.handover.ending import expire_due, revoke
from integrations.handover.making import HandoverRefused, Terms, hand_out_secret, share_text
from integrations.handover.state import in_state, state_of

__all__ = ["HandoverRefused", "Terms", "expire_due", "hand_out_secret", "in_state", "revoke", "share_text", "state_of"]
