"""What has changed between two versions of a contract, and which version number the change needs.

Breaking for senders or readers is what makes a file that was fine be refused, or a reader find something else than before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from ingest.contracts.model import Column, Contract, Rule
from ingest.contracts.rules import columns_of


class Level(IntEnum):
    """Which part of the version a change raises."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2


@dataclass(frozen=True)
class Change:
    """One change of one contract."""

    feed: str
    level: Level
    message: str

    def __str__(self) -> str:
        """The change as a line of a report."""
        kind = {Level.MAJOR: "breaking", Level.MINOR: "compatible", Level.PATCH: "wording"}[self.level]
        return f"{self.feed}: {kind}: {self.message}"


def changes(old: Mapping[str, Contract], new: Mapping[str, Contract]) -> list[Change]:
    """All changes between two sets of contracts, by feed."""
    found = [Change(feed, Level.MAJOR, "the contract is gone") for feed in sorted(old.keys() - new.keys())]
    for feed in sorted(old.keys() & new.keys()):
        found += [Change(feed, level, message) for level, message in _changes(old[feed], new[feed])]
    return found


def unversioned(old: Mapping[str, Contract], new: Mapping[str, Contract]) -> list[str]:
    """Contracts whose version does not say what has changed, as sentences."""
    problems = []
    found = changes(old, new)
    for feed in sorted({change.feed for change in found}):
        level = max(change.level for change in found if change.feed == feed)
        if feed not in new:
            problems.append(
                f"{feed}: a contract is not taken away while there is data of its feed; set its status to retired"
            )
            continue
        before, after = _numbers(old[feed].version), _numbers(new[feed].version)
        if level is Level.MAJOR and after[0] <= before[0]:
            problems.append(
                f"{feed}: has breaking changes and version {new[feed].version}; it needs {before[0] + 1}.0.0"
            )
        elif level is Level.MINOR and after[:2] <= before[:2]:
            problems.append(
                f"{feed}: has changed and still has version {new[feed].version}; it needs {before[0]}.{before[1] + 1}.0"
            )
    return problems


def _changes(old: Contract, new: Contract) -> Iterator[tuple[Level, str]]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    for name in before:
        if name in after:
            yield from _column(before[name], after[name])
        else:
            yield Level.MAJOR, f"column {name} is gone"
    for name in after.keys() - before.keys():
        column = after[name]
        is_needed = column.required and column.default is None and not column.from_sender
        yield (
            Level.MAJOR if is_needed else Level.MINOR,
            f"column {name} is new" + (" and required" if is_needed else ""),
        )
    if old.key != new.key:
        yield Level.MAJOR, f"the natural key was {', '.join(old.key)} and is {', '.join(new.key)}"
    yield from _rules(old, new, added=after.keys() - before.keys())
    if old.latency_days != new.latency_days:
        yield Level.MINOR, f"latency was {old.latency_days} days and is {new.latency_days}"
    if (old.title, old.dataset_rules) != (new.title, new.dataset_rules):
        yield Level.PATCH, "title or rules about the whole feed have changed"


def _column(old: Column, new: Column) -> Iterator[tuple[Level, str]]:
    if old.physical_type != new.physical_type:
        yield Level.MAJOR, f"column {old.name} was {old.physical_type} and is {new.physical_type}"
    if old.required != new.required:
        yield (
            (Level.MAJOR, f"column {old.name} is required now")
            if new.required
            else (Level.MINOR, f"column {old.name} is no longer required")
        )
    for what, was, now in (
        ("unit", old.unit, new.unit),
        ("default", old.default, new.default),
        ("fromSender", old.from_sender, new.from_sender),
    ):
        if was != now:
            yield Level.MAJOR, f"column {old.name}: {what} was {was} and is {now}"
    if old.personal != new.personal:
        level = Level.MINOR if new.personal else Level.MAJOR
        yield level, f"column {old.name}: personalData was {old.personal} and is {new.personal}"
    if old.description != new.description:
        yield Level.PATCH, f"column {old.name} is described anew"


def _rules(old: Contract, new: Contract, added: set[str]) -> Iterator[tuple[Level, str]]:
    before = {(rule.name, rule.column): rule for rule in old.rules}
    after = {(rule.name, rule.column): rule for rule in new.rules}
    for key, rule in before.items():
        if key in after:
            yield from _rule(rule, after[key])
        else:
            yield Level.MINOR, f"rule {_named(rule)} is gone"
            if rule.bit is not None and any(other.bit == rule.bit for other in new.rules):
                yield Level.MAJOR, f"rule {_named(rule)} leaves its flag to another: rows that are loaded bear it"
    for key in after.keys() - before.keys():
        rule = after[key]
        is_strict = rule.severity == "error" and not set(columns_of(rule.expression)) <= added
        yield Level.MAJOR if is_strict else Level.MINOR, f"rule {_named(rule)} is new ({rule.severity})"


def _rule(old: Rule, new: Rule) -> Iterator[tuple[Level, str]]:
    if old.severity != new.severity:
        level = Level.MAJOR if new.severity == "error" else Level.MINOR
        yield level, f"rule {_named(old)} was a {old.severity} and is a {new.severity}"
    elif old.bit != new.bit:
        yield (
            Level.MAJOR,
            f"rule {_named(old)} has another flag ({old.bit} before, {new.bit} now): put new warnings after all others",
        )
    if old.expression != new.expression:
        is_wider = bool(old.valid_values) and set(old.valid_values) <= set(new.valid_values)
        is_error = "error" in (old.severity, new.severity)
        yield Level.MINOR if is_wider or not is_error else Level.MAJOR, f"rule {_named(old)} says something else"
    elif old.description != new.description:
        yield Level.PATCH, f"rule {_named(old)} is described anew"


def _named(rule: Rule) -> str:
    return f"{rule.name} of {rule.column}" if rule.column else rule.name


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
