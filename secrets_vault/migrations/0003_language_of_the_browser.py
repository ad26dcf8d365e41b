from django.db import migrations, models


def let_the_browser_say(apps, schema_editor):
    """Nobody could choose a language so far: "en" was only the column's default."""
    apps.get_model("secrets_vault", "User").objects.filter(language="en").update(language="")


class Migration(migrations.Migration):
    dependencies = [("secrets_vault", "0002_audit_append_only")]

    operations = [
        migrations.AlterField(
            model_name="user", name="language", field=models.CharField(blank=True, default="", max_length=8)
        ),
        migrations.AddField(
            model_name="user",
            name="browser_language",
            field=models.CharField(blank=True, default="", editable=False, max_length=8),
        ),
        migrations.RunPython(let_the_browser_say, migrations.RunPython.noop),
    ]
