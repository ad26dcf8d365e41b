"""What is wrong with a provisioning file, each problem with its file, line and field."""

from __future__ import annotations

from config.provision.lines import Path, line_of


class BadFile(Exception):
    """The file was refused and nothing was written. `str()` has one line for each problem."""

    exit_code = 2


class Document:
    """One file under examination: collects problems, and raises them all at once."""

    def __init__(self, name: str, found: dict[Path, int]) -> None:
        self.name = name
        self._found = found
        self._problems: list[tuple[int, str, str]] = []

    def refuse(self, path: Path, reason: str) -> None:
        """Note that what stands at `path` cannot be accepted."""
        field = ".".join(part for part in path if isinstance(part, str))
        problem = (line_of(path, self._found), field, reason)
        if problem not in self._problems:
            self._problems.append(problem)

    @property
    def is_refused(self) -> bool:
        """Tell whether anything was refused, so that nothing will be written."""
        return bool(self._problems)

    def finish(self) -> None:
        """Raise BadFile when anything was refused."""
        if self._problems:
            raise BadFile("\n".join(f"{self.name}:{n}: {field}: {why}" for n, field, why in sorted(self._problems)))
