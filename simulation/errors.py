"""What can be wrong with what a user asks of the simulation."""

from __future__ import annotations


class SimulationError(Exception):
    """Anything that the caller can mend: the message says what and how."""


class InvalidSize(SimulationError):
    """A size argument that gives no network."""

    def __init__(self, name: str, value: object, need: str) -> None:
        super().__init__(f"{name} = {value}: {need}.")
        self.name = name
        self.value = value


class OutputNotEmpty(SimulationError):
    """The output folder already holds a landing, withheld, mend or truth folder."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} already holds files: files of two networks in one landing folder cannot be told apart. "
            "Remove it or choose another output folder."
        )
        self.path = path


class InvalidDefect(SimulationError):
    """A defect that cannot be planted: which one, on whom, why, and what to do."""

    def __init__(self, defect_id: str, kind: str, distributor: str | None, why: str, remedy: str) -> None:
        whom = f" at {distributor}" if distributor else ""
        super().__init__(f"Defect {defect_id} ({kind}){whom} cannot be planted: {why}. {remedy}.")
        self.defect_id = defect_id
        self.kind = kind
        self.distributor = distributor
        self.why = why
        self.remedy = remedy


class InvalidDefectFile(SimulationError):
    """The defect file is not a list of defects."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}.")
        self.path = path
        self.why = why
