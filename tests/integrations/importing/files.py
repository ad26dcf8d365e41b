"""Twelve files as the programs write them. Their values are made up, and put together from parts: none is live."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

STRIPE = "sk_" + "live_" + "51MadeUpMadeUpMadeUpMadeUp"
SLACK = "xoxb-" + "1234567890-" + "1234567890123-" + "MadeUpMadeUpMadeUpMadeUp"
GITHUB = "ghp_" + "MadeUpMadeUpMadeUpMadeUpMadeUpMade1x"
PASSWORD = "made-up " + "pass,word;\"x'"
PEM = "-----BEGIN " + "PRIVATE KEY-----\nbWFkZSB1cA==\n-----END " + "PRIVATE KEY-----\n"

ENV = f"""# Shop
export STRIPE_KEY={STRIPE}
DATABASE_URL="postgres://app:made-up@db/app?x=1#y"
EMPTY=
KEY='{PEM}'
just words
STRIPE_KEY={STRIPE}
"""
BITWARDEN_CSV = (
    "folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,login_totp\n"
    f'Acme,1,login,GitHub,,"token: {GITHUB}\nowner: acme",0,https://github.com/login,ada,"made-up pass,word",JBSW\n'
    ',,note,Door,"the code\nis written here",,0,,,,\n'
)
ONEPASSWORD_CSV = (
    "Title,Url,Username,Password,OTPAuth,Favorite,Archived,Tags,Notes\n"
    '"Stripe, live",https://dashboard.stripe.com/login,ada@acme.example,"a ""made-up"" one",,false,false,,\n'
)
CHROME_CSV = "name,url,username,password,note\r\napi.hubapi.com,https://api.hubapi.com/,ada,made-up-1,\r\n"
EXCEL_CSV = "Name;Wert;Notizen\r\nSlack Größe;" + SLACK + ";x\r\nLeer;;\r\n"
FLAT_JSON = json.dumps({"STRIPE_KEY": STRIPE, "PORT": 8080, "DEBUG": False, "staging": {"SLACK_TOKEN": SLACK}})
POSTMAN = json.dumps(
    {
        "id": "1", "name": "Acme", "_postman_variable_scope": "environment",
        "values": [{"key": "github_token", "value": GITHUB, "type": "secret", "enabled": True}],
    }
)  # fmt: skip
SERVICE_ACCOUNT = json.dumps(
    {"type": "service_account", "project_id": "acme", "private_key": PEM, "client_email": "bot@acme.example"}
)
N8N: list[dict[str, Any]] = [
    {"id": "1", "name": "Stripe account", "type": "stripeApi", "data": {"secretKey": STRIPE}},
    {
        "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z", "id": "2",
        "name": "HubSpot Acme", "type": "hubspotOAuth2Api", "isManaged": False,
        "data": {
            "grantType": "authorizationCode", "clientId": "made-up-id", "clientSecret": "made-up-secret",
            "oauthTokenData": {"access_token": "made-up-access", "refresh_token": "made-up-refresh", "expires_in": 1},
        },
    },
    {"id": "3", "name": "SFTP", "type": "httpBasicAuth", "data": {"user": "ada", "password": "made-up-pw"}},
    {"id": "4", "name": "Header", "type": "httpHeaderAuth", "data": {"name": "X-Key", "value": "made-up-header"}},
    {"id": "5", "name": "Empty", "type": "slackApi", "data": {"accessToken": "__n8n_BLANK_VALUE_e5362baf"}},
]  # fmt: skip
BITWARDEN: dict[str, Any] = {
    "encrypted": False,
    "folders": [{"id": "f-1", "name": "Acme"}],
    "items": [
        {
            "id": "1", "folderId": "f-1", "type": 1, "name": "Stripe", "notes": "a note", "reprompt": 0,
            "fields": [{"name": "secret key", "value": STRIPE, "type": 1}, {"name": "on", "value": "true", "type": 2}],
            "login": {
                "username": "ada", "password": "made-up-pw", "totp": None,
                "uris": [{"match": None, "uri": "https://dashboard.stripe.com/login?token=never-kept"}],
            },
            "passwordHistory": [{"password": "an old one that stays in the file"}],
            "attachments": [{"fileName": "recovery.txt"}],
        },
        {"type": 2, "name": "A note", "notes": "made-up note", "secureNote": {"type": 0}},
        {"type": 3, "name": "Visa", "card": {"number": "4111"}},
        {"type": 5, "name": "Deploy", "sshKey": {"privateKey": PEM, "publicKey": "ssh-ed25519 AAAA"}},
        {"type": 1, "name": "Nothing", "login": {"username": "ada"}},
        {"type": 1, "name": "In the bin", "deletedDate": "2026-01-01", "login": {"password": "x"}},
    ],
}  # fmt: skip
ONEPASSWORD: dict[str, Any] = {
    "accounts": [
        {
            "attrs": {"name": "Ada"},
            "vaults": [
                {
                    "attrs": {"name": "Acme"},
                    "items": [
                        {
                            "uuid": "1", "state": "active", "categoryUuid": "001",
                            "details": {
                                "loginFields": [
                                    {"value": "ada", "designation": "username", "fieldType": "T", "name": "u"},
                                    {"value": "made-up-pw", "designation": "password", "fieldType": "P", "name": "p"},
                                ],
                                "notesPlain": "words",
                                "passwordHistory": [{"value": "an old one that stays in the file"}],
                            },
                            "overview": {"title": "HubSpot", "url": "https://api.hubapi.com", "urls": [{"url": "x.y"}]},
                        },
                        {
                            "uuid": "2", "state": "active", "categoryUuid": "112",
                            "details": {
                                "sections": [
                                    {"title": "", "fields": [
                                        {"title": "credential", "id": "c", "value": {"concealed": GITHUB}},
                                        {"title": "plan", "id": "d", "value": {"file": {"fileName": "plan.pdf"}}},
                                    ]},
                                ],
                            },
                            "overview": {"title": "GitHub deploy"},
                        },
                        {"uuid": "3", "categoryUuid": "002", "details": {}, "overview": {"title": "Visa"}},
                        {
                            "item": {
                                "uuid": "4", "categoryUuid": "003", "details": {"notesPlain": "made-up note"},
                                "overview": {"title": "Old shape"},
                            }
                        },
                    ],
                }
            ],
        }
    ]
}  # fmt: skip


def zipped(**members: bytes | str) -> bytes:
    """Return a zip file. A name's double underscore stands for its dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "."), data)
    return out.getvalue()


def onepux(document: Any = ONEPASSWORD) -> bytes:
    """Return a 1PUX with one attachment."""
    attributes = json.dumps({"version": 3})
    return zipped(export__data=json.dumps(document), export__attributes=attributes, plan__pdf=b"attached")
