"""Vendors' own SDKs, unchanged but for base URL and key, through a running gateway to an upstream that plays them."""
