"""The doors of the ground floor that a browser opens: the consent, and the links for clients."""

from django.urls import path

from integrations.calendar import views as calendar
from integrations.handover import views as handovers
from integrations.links import logo, request_views
from integrations.links import views as links
from integrations.oauth import views as oauth
from integrations.offboarding import views as offboarding

app_name = "integrations"

urlpatterns = [
    path("oauth/callback", oauth.callback, name="callback"),
    path("oauth/start/<slug:slug>/", oauth.start, name="start"),
    path("oauth/connected/<uuid:connection_id>/", oauth.connected, name="connected"),
    path("oauth/other-account/<str:flow_id>/", oauth.other_account, name="other_account"),
    path("calendar/<str:token>.ics", calendar.feed, name="calendar"),
    path("connect/thanks/<str:language>/", links.thanks, name="thanks"),
    path("connect/logo/<str:token>.png", logo.logo, name="logo"),
    path("request/<str:token>", request_views.request_page, name="request"),
    path("connect/<str:token>", links.connect, name="connect"),
    path("certificate/check", offboarding.check, name="certificate_check"),
    path("handover/hidden/<str:language>/", handovers.hidden, name="handover_hidden"),
    path("handover/<str:token>", handovers.handover, name="handover"),
]
