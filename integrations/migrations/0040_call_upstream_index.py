"""Calls are found by what the provider calls them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0039_call_again"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                fields=["upstream_ref", "-id"], condition=~models.Q(upstream_ref=""), name="call_upstream_ref"
            ),
        ),
    ]
