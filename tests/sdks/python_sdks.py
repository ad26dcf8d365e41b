"""A typical call and a refused one with each Python SDK, as its user writes them: only base URL and key are ours.

Each function returns what the good call gave, and the name and the vendor's code of the error of the bad one.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.sdks.vendors import SID, TYPED

Told = tuple[str, str, str]
HELLO = [{"role": "user", "content": "Hello"}]
PAGE = "11111111-1111-1111-1111-111111111111"
NO_PAGE = "00000000-0000-0000-0000-000000000000"


def openai(base: str, token: str) -> Told:
    """Base URL: `base_url`, with /v1 only where the connection's own base URL has none."""
    from openai import NotFoundError, OpenAI

    with OpenAI(base_url=base, api_key=token) as client:
        good = client.chat.completions.create(model="gpt-5-mini", messages=HELLO)
        try:
            client.chat.completions.create(
                model="gpt-none", messages=[{"role": "user", "content": f"password={TYPED}"}]
            )
        except NotFoundError as error:
            return good.choices[0].message.content, type(error).__name__, error.code
    return "", "", ""


def anthropic(base: str, token: str) -> Told:
    """Base URL: `base_url`. The key goes into x-api-key, where the gateway takes its token from."""
    from anthropic import Anthropic, RateLimitError

    with Anthropic(base_url=base, api_key=token) as client:
        good = client.messages.create(model="claude-x", max_tokens=9, messages=HELLO)
        try:
            client.messages.create(model="claude-none", max_tokens=9, messages=HELLO)
        except RateLimitError as error:
            return good.content[0].text, type(error).__name__, error.body["error"]["type"]
    return "", "", ""


def stripe(base: str, token: str) -> Told:
    """Base URL: `base_addresses={"api": …}`; the path in it is kept."""
    import stripe as sdk

    client = sdk.StripeClient(token, base_addresses={"api": base})
    good = client.v1.customers.retrieve("cus_1")
    try:
        client.v1.customers.update("cus_none", {"metadata": {"password": TYPED}})
    except sdk.CardError as error:
        return good.email, type(error).__name__, error.code
    return "", "", ""


def slack(base: str, token: str) -> Told:
    """Base URL: `base_url`, which must end with a slash."""
    from slack_sdk import WebClient
    from slack_sdk.errors import SlackApiError

    client = WebClient(token=token, base_url=f"{base}/")
    good = client.chat_postMessage(channel="C1", text="Hello, Ada")
    try:
        client.chat_postMessage(channel="C_NONE", text="Hello")
    except SlackApiError as error:
        return good["message"]["text"], type(error).__name__, error.response["error"]
    return "", "", ""


def hubspot(base: str, token: str) -> Told:
    """Base URL: `host`, a setting of the generated clients that the wrapper passes on."""
    from hubspot import HubSpot
    from hubspot.crm.contacts.exceptions import ForbiddenException

    client = HubSpot(access_token=token, host=base)
    good = client.crm.contacts.basic_api.get_by_id("51")
    try:
        client.crm.contacts.basic_api.get_by_id("none")
    except ForbiddenException as error:
        return (
            good.properties["email"],
            type(error).__name__,
            "MISSING_SCOPES" if "MISSING_SCOPES" in error.body else "",
        )
    return "", "", ""


def twilio(base: str, token: str) -> Told:
    """Base URL: `client.api.base_url`. The account SID stays: paths have it. The auth token is the gateway's."""
    from twilio.base.exceptions import TwilioRestException
    from twilio.rest import Client

    client = Client(SID, token)
    client.api.base_url = base
    good = client.messages.create(to="+4930000", from_="+4930001", body="Hello, Ada")
    try:
        client.messages.create(to="030", from_="+4930001", body=f"password={TYPED}")
    except TwilioRestException as error:
        return good.body, type(error).__name__, str(error.code)
    return "", "", ""


def notion(base: str, token: str) -> Told:
    """Base URL: `base_url`; the SDK adds /v1/ itself."""
    from notion_client import APIResponseError, Client

    with Client(auth=token, base_url=base) as client:
        good = client.pages.retrieve(PAGE)
        try:
            client.pages.retrieve(NO_PAGE)
        except APIResponseError as error:
            return good["id"], type(error).__name__, str(error.code.value)
    return "", "", ""


CALLS: dict[str, Callable[[str, str], Told]] = {
    "openai": openai, "anthropic": anthropic, "stripe": stripe, "slack": slack, "hubspot": hubspot, "twilio": twilio,
    "notion": notion,
}  # fmt: skip
