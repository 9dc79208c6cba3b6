"""Errors of ingest. Each message is a sentence that names the file, the place and the next step."""

from pathlib import Path


def printable(text: str) -> str:
    """A text with line ends, control characters and what no encoding knows written as escapes: it can neither steer a terminal nor break a line."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


class IngestError(Exception):
    """Anything that stops ingest, as opposed to bad data, which is reported and worked around."""


class ContractInvalid(IngestError):
    """A feed contract cannot be used."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"contract {path.name}: {problem}")


class ProfileInvalid(IngestError):
    """A profile cannot be used."""

    def __init__(self, profile: str, problem: str) -> None:
        self.profile = profile
        self.problem = problem
        super().__init__(f"profile {profile}: {problem}")


class UnknownProfile(IngestError):
    """No profile of that name is known."""

    def __init__(self, profile: str, known: tuple[str, ...]) -> None:
        self.profile = profile
        self.known = known
        super().__init__(
            f"unknown profile {profile}: known are {', '.join(known)}; add HOME/config/profiles/{profile}.yaml or rename the folder"
        )


class UnknownFeed(IngestError):
    """No contract of that name is known, or a file belongs to no feed of its profile."""

    def __init__(self, subject: str, known: tuple[str, ...]) -> None:
        self.subject = subject
        self.known = known
        super().__init__(f"{subject}; known feeds are {', '.join(known)}")


class FileUnreadable(IngestError):
    """A whole file is rejected.

    Attributes:
        rule: id of the rule that the file breaks.
        column: column concerned, where there is one.
        value: value concerned, where there is one.
        line: line of the file, where there is one.
        records: records that are rejected with the file, where they could be counted.
    """

    def __init__(
        self,
        rule: str,
        message: str,
        *,
        column: str | None = None,
        value: str | None = None,
        line: int | None = None,
        records: int = 0,
        blank: int = 0,
        total_lines: int = 0,
    ) -> None:
        self.rule = rule
        self.message = message
        self.column = column
        self.value = value
        self.line = line
        self.records = records
        self.blank = blank
        self.total_lines = total_lines
        super().__init__(message)

    def add(self, records: int, blank: int, total_lines: int) -> None:
        """Count further lines that are rejected with the file."""
        self.records += records
        self.blank += blank
        self.total_lines += total_lines


class CommitLogBroken(IngestError):
    """The commit log has a gap or an unreadable entry."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"commit log entry {path}: {problem}; restore bronze/_commits from the backup")
