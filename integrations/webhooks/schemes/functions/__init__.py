"""The schemes for which facts do not suffice, a small function each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from integrations.webhooks.schemes.functions import (
    adyen_payload,
    atlassian_connect,
    aws_sns,
    contentful,
    monday,
    paypal,
    plaid,
    salesforce_outbound,
)
from integrations.webhooks.schemes.proven import Function

_FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "adyen_payload": Function(adyen_payload.prove, signed=adyen_payload.signed),
        "atlassian_connect": Function(atlassian_connect.prove),
        "aws_sns": Function(aws_sns.prove, aws_sns.key_urls, aws_sns.signed),
        "contentful": Function(contentful.prove, signed=contentful.signed),
        "monday": Function(monday.prove),
        "paypal": Function(paypal.prove, paypal.key_urls, paypal.signed),
        "plaid": Function(plaid.prove),
        "salesforce_outbound": Function(salesforce_outbound.prove),
    }
)


def functions() -> Mapping[str, Function]:
    """Return the functions by the name that a file calls them by."""
    return _FUNCTIONS
