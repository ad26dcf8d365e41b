"""Counts a client's calls of an hour in one row, and adds up what the rows of its connections have counted so far."""

from django.db import migrations, models

ADD_UP = """
INSERT INTO integrations_clienthour (client_id, hour, calls, failed, limited)
SELECT client_id, hour, SUM(calls), SUM(failed), SUM(limited) FROM integrations_callhour GROUP BY client_id, hour
"""


def add_up(apps, schema_editor):
    """Fill the new table from the old one, which is in the same database."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(ADD_UP)


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0006_inbound_webhooks"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClientHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("client_id", models.UUIDField()),
                ("hour", models.DateTimeField()),
                ("calls", models.PositiveBigIntegerField(default=0)),
                ("failed", models.PositiveBigIntegerField(default=0)),
                ("limited", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.AddIndex(
            model_name="clienthour",
            index=models.Index(fields=["hour"], name="integration_hour_73f186_idx"),
        ),
        migrations.AddConstraint(
            model_name="clienthour",
            constraint=models.UniqueConstraint(fields=("client_id", "hour"), name="one_row_a_client_and_hour"),
        ),
        migrations.RunPython(add_up, migrations.RunPython.noop, hints={"is_calls": True}),
        migrations.RemoveIndex(model_name="callhour", name="integration_client__50e38e_idx"),
    ]
