"""The values of a credential, held against what its provider's credentials have."""

from __future__ import annotations

from config.provision.reading import ConnectionSpec
from config.provision.run import Run
from integrations.providers.injection import OWN_FIELDS
from integrations.providers.shape import Provider


def are_its_fields(run: Run, spec: ConnectionSpec, provider: Provider) -> bool:
    """Refuse a value that the provider does not know, and a credential without one that it needs."""
    wanted = {field.name: field for field in provider.fields_of(spec.kind)}
    unknown = [name for name in spec.fields if name not in wanted]
    needed = [name for name, field in wanted.items() if not field.is_optional and name not in spec.fields]
    for name in unknown:
        run.document.refuse((*spec.path, "fields", name), f"{provider.name} has no such field")
    missing = [name for name in needed if spec.fields and name not in OWN_FIELDS[spec.kind]]
    for name in missing:
        run.document.refuse((*spec.path, "fields"), f"{name} is missing; {provider.name} needs it")
    return not unknown and not missing
