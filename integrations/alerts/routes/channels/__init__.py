"""How each place wants a message written: one file of facts and one function for each."""

from __future__ import annotations

from integrations.alerts.routes.channels import discord, signed, slack, teams
from integrations.alerts.routes.channels.shape import Channel

CHANNELS: dict[str, Channel] = {
    "slack": slack.CHANNEL,
    "teams": teams.CHANNEL,
    "discord": discord.CHANNEL,
    "signed": signed.CHANNEL,
}
"""Those that are written to by posting JSON to an address. Mail and the sinks go other ways."""

__all__ = ["CHANNELS", "Channel"]
