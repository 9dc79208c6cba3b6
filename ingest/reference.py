"""The reference of feeds, formats and profiles, written from the contracts and profiles that ship."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ingest.contracts import FEED_ORDER, Column, Contract
from ingest.profiles import Profile

_HEAD = """# Feeds

Written by `make docs` from data_contracts/; what stands here is what the contracts and profiles say.

Quantities are DECIMAL(18,3) in the sender's unit, money DECIMAL(18,4) in the sender's currency, codes text. A column with a star is required. A rule
that **rejects** refuses the record; one that **warns** loads it with a flag. Besides these, every record must keep to the
rules of framing (values per header, types, required values), which the messages explain.

## Which profile reads which feed in which format

Each line is covered by a file in tests/fixtures/formats/.
"""


def covered(profiles: Iterable[Profile]) -> list[tuple[str, str, str]]:
    """Feed, format and profile of all that the profiles read."""
    return sorted((feed, reading.format, profile.id) for profile in profiles for feed, reading in profile.feeds.items())


def feeds_page(contracts: Mapping[str, Contract], profiles: Iterable[Profile]) -> str:
    """The page docs/reference/feeds.md."""
    return "\n".join([_HEAD, *_coverage(contracts, profiles), *_feeds(contracts)]) + "\n"


def _ordered(contracts: Mapping[str, Contract]) -> list[Contract]:
    facts = sorted(feed for feed in contracts if feed not in FEED_ORDER)
    return [contracts[feed] for feed in (*facts, *(feed for feed in FEED_ORDER if feed in contracts))]


def _coverage(contracts: Mapping[str, Contract], profiles: Iterable[Profile]) -> Iterator[str]:
    found: dict[str, dict[str, list[str]]] = {}
    for feed, form, profile in covered(profiles):
        found.setdefault(feed, {}).setdefault(form, []).append(profile)
    yield "| feed | format | profiles |"
    yield "|---|---|---|"
    for contract in _ordered(contracts):
        for form, names in sorted(found.get(contract.feed, {}).items()):
            yield f"| [{contract.feed}](#{contract.feed}) | {form} | {', '.join(f'`{name}`' for name in names)} |"


def _feeds(contracts: Mapping[str, Contract]) -> Iterator[str]:
    for contract in _ordered(contracts):
        yield f"\n## {contract.feed}\n"
        yield f"{contract.title}. {contract.purpose} {contract.limitations}\n"
        latency = (
            f"; due {contract.latency_days} days after the business date" if contract.latency_days is not None else ""
        )
        yield f"Version {contract.version}; owner: {contract.owner}; key: {', '.join(f'`{name}`' for name in contract.key)}{latency}.\n"
        yield "| column | type | unit | meaning |"
        yield "|---|---|---|---|"
        for column in contract.columns:
            star = "*" if column.required else ""
            yield f"| `{column.name}`{star} | {column.physical_type} | {column.unit or ''} | {_cell(_meaning(column))} |"
        if contract.rules:
            yield "\n| rule | about | |"
            yield "|---|---|---|"
            for rule in contract.rules:
                listed = f" {', '.join(rule.valid_values)}." if rule.valid_values else ""
                about = f"`{rule.column}`" if rule.column else ""
                verb = "rejects" if rule.severity == "error" else "warns"
                yield f"| `{rule.name}` **{verb}** | {about} | {_cell(rule.description + listed)} |"


def _meaning(column: Column) -> str:
    more = []
    if column.default is not None:
        more.append(f"Where empty: {column.default}.")
    if column.from_sender:
        more.append("Where the file has no such column: the sender.")
    if column.personal:
        more.append(f"Personal data ({column.personal}).")
    return " ".join([column.description, *more])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
