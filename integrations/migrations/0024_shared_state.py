"""Makes the table of small states that processes share: what is left of a limit, whether an upstream is down."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0023_beside_secret"),
    ]

    operations = [
        migrations.CreateModel(
            name="SharedState",
            fields=[
                ("key", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("version", models.BigIntegerField()),
                ("state", models.BinaryField()),
                ("ends_at_ms", models.BigIntegerField(db_index=True)),
            ],
        ),
    ]
