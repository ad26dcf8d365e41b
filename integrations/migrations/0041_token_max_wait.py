"""How long the calls of a gateway token may wait for a provider's limit."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0040_call_upstream_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="gatewaytoken",
            name="max_wait_s",
            field=models.FloatField(blank=True, null=True),
        ),
    ]
