"""Counts by minute, day and path, what models cost, and budgets. Days begin with what the hours have counted so far."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import secrets_vault.ids

ADD_UP = """
INSERT INTO integrations_callday (connection_id, client_id, token_id, day, calls, failed, limited, repeated)
SELECT connection_id, client_id, token_id, {day}, SUM(calls), SUM(failed), SUM(limited), SUM(repeated)
FROM integrations_callhour GROUP BY connection_id, client_id, token_id, {day}
"""
DAY = {"sqlite": "date(hour)", "postgresql": "(hour AT TIME ZONE 'UTC')::date"}


def add_up(apps, schema_editor):
    """Fill the days from the hours, which are in the same database."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(ADD_UP.format(day=DAY[schema_editor.connection.vendor]))


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0024_shared_state"),
        ("secrets_vault", "0005_private_keys"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="spend_stopped_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="limitreading",
            name="source",
            field=models.CharField(
                choices=[
                    ("headers", "Told by the provider"),
                    ("usage", "Read from the provider's usage endpoint"),
                    ("documented", "Documented limit, our own count"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="CallDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connection_id", models.UUIDField()),
                ("client_id", models.UUIDField()),
                ("token_id", models.UUIDField(default=uuid.UUID("00000000-0000-0000-0000-000000000000"))),
                ("day", models.DateField()),
                ("calls", models.PositiveBigIntegerField(default=0)),
                ("failed", models.PositiveBigIntegerField(default=0)),
                ("limited", models.PositiveBigIntegerField(default=0)),
                ("repeated", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="integration_day_4177ee_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("connection_id", "token_id", "day"), name="one_row_a_day")
                ],
            },
        ),
        migrations.CreateModel(
            name="CallMinute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connection_id", models.UUIDField()),
                ("client_id", models.UUIDField()),
                ("token_id", models.UUIDField(default=uuid.UUID("00000000-0000-0000-0000-000000000000"))),
                ("minute", models.DateTimeField()),
                ("calls", models.PositiveBigIntegerField(default=0)),
                ("failed", models.PositiveBigIntegerField(default=0)),
                ("limited", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["minute"], name="integration_minute_d26e5e_idx")],
                "constraints": [
                    models.UniqueConstraint(fields=("connection_id", "token_id", "minute"), name="one_row_a_minute")
                ],
            },
        ),
        migrations.CreateModel(
            name="PathHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connection_id", models.UUIDField()),
                ("client_id", models.UUIDField()),
                ("hour", models.DateTimeField()),
                ("method", models.CharField(blank=True, max_length=16)),
                ("path", models.CharField(blank=True, max_length=200)),
                ("calls", models.PositiveBigIntegerField(default=0)),
                ("failed", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["hour"], name="integration_hour_a194c4_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("connection_id", "hour", "method", "path"), name="one_row_a_path_and_hour"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SpendDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connection_id", models.UUIDField()),
                ("client_id", models.UUIDField()),
                ("model", models.CharField(blank=True, max_length=120)),
                ("day", models.DateField()),
                ("calls", models.PositiveBigIntegerField(default=0)),
                ("unpriced_calls", models.PositiveBigIntegerField(default=0)),
                ("untold_calls", models.PositiveBigIntegerField(default=0)),
                ("input_tokens", models.PositiveBigIntegerField(default=0)),
                ("cached_tokens", models.PositiveBigIntegerField(default=0)),
                ("written_tokens", models.PositiveBigIntegerField(default=0)),
                ("output_tokens", models.PositiveBigIntegerField(default=0)),
                ("cost_nano", models.PositiveBigIntegerField(default=0)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["client_id", "day"], name="integration_client__9d190b_idx"),
                    models.Index(fields=["day"], name="integration_day_0132b0_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("connection_id", "model", "day"), name="one_row_a_model_and_day")
                ],
            },
        ),
        migrations.CreateModel(
            name="Budget",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=secrets_vault.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("warn_nano", models.PositiveBigIntegerField(null=True)),
                ("stop_nano", models.PositiveBigIntegerField(null=True)),
                ("warned_on", models.DateField(null=True)),
                ("stopped_on", models.DateField(null=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "client",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="budgets", to="secrets_vault.client"
                    ),
                ),
                (
                    "connection",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="budgets",
                        to="integrations.connection",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("client", "connection"), name="one_budget_a_connection"),
                    models.UniqueConstraint(
                        condition=models.Q(("connection__isnull", True)), fields=("client",), name="one_budget_a_client"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("warn_nano__isnull", False), ("stop_nano__isnull", False), _connector="OR"),
                        name="a_budget_says_something",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelPrice",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=secrets_vault.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("provider_key", models.CharField(max_length=80)),
                ("model", models.CharField(max_length=120)),
                ("input_nano", models.PositiveBigIntegerField(null=True)),
                ("cached_nano", models.PositiveBigIntegerField(null=True)),
                ("written_nano", models.PositiveBigIntegerField(null=True)),
                ("written_long_nano", models.PositiveBigIntegerField(null=True)),
                ("output_nano", models.PositiveBigIntegerField(null=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "changed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["provider_key", "model"],
                "constraints": [models.UniqueConstraint(fields=("provider_key", "model"), name="one_price_a_model")],
            },
        ),
        migrations.RunPython(add_up, migrations.RunPython.noop, hints={"is_calls": True}),
    ]
