"""What kinds of service there are, in words: what somebody types who does not know a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

CATEGORIES: dict[str, StrPromise] = {
    "accounting": gettext_lazy("Accounting"),
    "ads": gettext_lazy("Advertising"),
    "ai": gettext_lazy("Artificial intelligence"),
    "analytics": gettext_lazy("Analytics"),
    "automation": gettext_lazy("Automation"),
    "calendar": gettext_lazy("Calendar and booking"),
    "chat": gettext_lazy("Chat"),
    "cloud": gettext_lazy("Cloud"),
    "cms": gettext_lazy("Websites"),
    "crm": gettext_lazy("CRM"),
    "database": gettext_lazy("Database"),
    "design": gettext_lazy("Design"),
    "dev": gettext_lazy("Development"),
    "docs": gettext_lazy("Documents and wikis"),
    "ecommerce": gettext_lazy("Shops"),
    "email": gettext_lazy("E-mail"),
    "email_marketing": gettext_lazy("Newsletters"),
    "esign": gettext_lazy("Signatures"),
    "events": gettext_lazy("Events"),
    "forms": gettext_lazy("Forms"),
    "hr": gettext_lazy("Personnel"),
    "identity": gettext_lazy("Identity"),
    "infra": gettext_lazy("Hosting"),
    "itsm": gettext_lazy("IT service"),
    "marketing": gettext_lazy("Marketing"),
    "media": gettext_lazy("Media"),
    "meetings": gettext_lazy("Meetings"),
    "monitoring": gettext_lazy("Monitoring"),
    "other": gettext_lazy("Other"),
    "payments": gettext_lazy("Payments"),
    "productivity": gettext_lazy("Productivity"),
    "project": gettext_lazy("Projects and tasks"),
    "sales": gettext_lazy("Sales"),
    "social": gettext_lazy("Social media"),
    "storage": gettext_lazy("Files"),
    "support": gettext_lazy("Support"),
    "telephony": gettext_lazy("Telephony"),
    "time": gettext_lazy("Time tracking"),
}


def words_for(category: str) -> str:
    """Return a category in the reader's language; its name where we have no words."""
    return str(CATEGORIES[category]) if category in CATEGORIES else category
