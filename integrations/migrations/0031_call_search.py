"""Indexes for lists of calls by any mix of filters."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0030_one_open_trouble"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="call", name="call_failed"),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                fields=["token_id", "-id"], condition=models.Q(token_id__isnull=False), name="call_token"
            ),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                fields=[
                    "-id", "client_id", "connection_id", "token_id", "environment_id", "provider_key", "status",
                    "outcome", "method",
                ],
                condition=~models.Q(outcome="ok"),
                name="call_notable",
            ),
        ),
    ]  # fmt: skip
