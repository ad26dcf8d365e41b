"""The front doors."""

from django.urls import include, path

from config.health import readyz
from dashboard.pages import setup

urlpatterns = [
    path("readyz", readyz, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("integrations.api.urls")),
    path("", include("integrations.urls")),
    path("setup/secure/", setup.secure, name="setup_secure"),
    path("setup/<str:token>", setup.setup, name="setup"),
    path("", include("dashboard.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
