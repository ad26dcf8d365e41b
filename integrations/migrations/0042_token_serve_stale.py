"""Whether the calls of a gateway token are answered from the last good copy while a provider is down."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0041_token_max_wait"),
    ]

    operations = [
        migrations.AddField(
            model_name="gatewaytoken",
            name="serve_stale",
            field=models.BooleanField(default=False),
        ),
    ]
