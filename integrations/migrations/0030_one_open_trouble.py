import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0029_fill_trouble_subjects")]

    operations = [
        migrations.AlterField(
            model_name="alertepisode",
            name="client",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="episodes", to="secrets_vault.client"
            ),
        ),
        migrations.AddConstraint(
            model_name="alertepisode",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at__isnull", True)), fields=("kind", "about"), name="one_open_trouble"
            ),
        ),
    ]
