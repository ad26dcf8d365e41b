"""Where each page is. A page with a line in `navigation.py` appears in the rail when its URL stands here."""

from django.urls import path

from dashboard.pages import (
    client,
    clients,
)

app_name = "dashboard"

urlpatterns = [
    # Clients
    path("clients/", clients.clients, name="clients"),
    path("clients/new/", clients.new_client, name="new_client"),
    path("clients/<slug:slug>/", client.overview, name="client"),
]
