"""Who signed in by a JWT to make a call that is kept: only they may read what became of it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0042_token_serve_stale"),
    ]

    operations = [
        migrations.AddField(
            model_name="heldcall",
            name="signer",
            field=models.BinaryField(max_length=32, null=True),
        ),
    ]
