"""The book of openings is only added to: the database itself refuses UPDATE and DELETE."""

from django.db import migrations

TABLE = "secrets_vault_auditevent"

SQLITE = [
    f"CREATE TRIGGER audit_{act.lower()}_refused BEFORE {act} ON {TABLE} "
    "BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END"
    for act in ("UPDATE", "DELETE")
]
SQLITE_BACK = [f"DROP TRIGGER IF EXISTS audit_{act}_refused" for act in ("update", "delete")]

# TRUNCATE of an empty table is let through: it changes nothing, and Django's flush names every table.
POSTGRESQL = [
    "CREATE FUNCTION keylodge_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF TG_OP <> 'TRUNCATE' OR EXISTS (SELECT 1 FROM secrets_vault_auditevent) THEN "
    "RAISE EXCEPTION 'the audit trail is only added to'; END IF; RETURN NULL; END $$",
    f"""CREATE TRIGGER audit_change_refused BEFORE UPDATE OR DELETE ON {TABLE}
        FOR EACH ROW EXECUTE FUNCTION keylodge_audit_refuse()""",
    f"""CREATE TRIGGER audit_truncate_refused BEFORE TRUNCATE ON {TABLE}
        FOR EACH STATEMENT EXECUTE FUNCTION keylodge_audit_refuse()""",
]
POSTGRESQL_BACK = [
    f"DROP TRIGGER IF EXISTS audit_truncate_refused ON {TABLE}",
    f"DROP TRIGGER IF EXISTS audit_change_refused ON {TABLE}",
    "DROP FUNCTION IF EXISTS keylodge_audit_refuse()",
]


def refuse_changes(apps, schema_editor):
    """Make the triggers of the database at hand."""
    for statement in POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def allow_changes(apps, schema_editor):
    """Drop them again."""
    for statement in POSTGRESQL_BACK if schema_editor.connection.vendor == "postgresql" else SQLITE_BACK:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Triggers only; no table changes."""

    dependencies = [("secrets_vault", "0001_initial")]
    operations = [migrations.RunPython(refuse_changes, allow_changes)]
