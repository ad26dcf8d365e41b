"""Where each page is. A page with a line in `navigation.py` appears in the rail when its URL stands here."""

from django.urls import path

from dashboard.pages import (
    client,
    client_changes,
    clients,
    search,
    today,
)

app_name = "dashboard"

urlpatterns = [
    # Today
    path("", today.today, name="today"),
    path("search/", search.search, name="search"),
    # Clients
    path("clients/", clients.clients, name="clients"),
    path("clients/new/", clients.new_client, name="new_client"),
    path("clients/<slug:slug>/", client.overview, name="client"),
    path("clients/<slug:slug>/connections/", client.connections, name="client_connections"),
    path("clients/<slug:slug>/secrets/", client.secrets, name="client_secrets"),
    path("clients/<slug:slug>/tokens/", client.tokens, name="client_tokens"),
    path("clients/<slug:slug>/access/", client.access, name="client_access"),
    path("clients/<slug:slug>/edit/", client_changes.edit, name="client_edit"),
    path("clients/<slug:slug>/environments/", client_changes.new_environment, name="new_environment"),
    path("clients/<slug:slug>/archive/", client_changes.archiving, name="archive_client"),
]
