from django.db import migrations
from django.db.models import F


def fill(apps, schema_editor):
    """Say of each trouble whose it is and what it is about. One that is over or open was told when it began."""
    episodes = apps.get_model("integrations", "AlertEpisode").objects.using(schema_editor.connection.alias)
    for episode in episodes.filter(client=None).select_related("connection").iterator(chunk_size=500):
        episodes.filter(pk=episode.pk).update(
            client_id=episode.connection.client_id, about=f"connection:{episode.connection_id}"
        )
    episodes.filter(told_at=None).update(told_at=F("opened_at"))


class Migration(migrations.Migration):
    dependencies = [("integrations", "0028_alert_routes")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
