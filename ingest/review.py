"""Look over all contracts and profiles, and compare the contracts that ship with another state of the repository."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from ingest import overlay
from ingest.contracts import Contract, parse_contract
from ingest.contracts.compare import changes, unversioned
from ingest.contracts.lint import lint
from ingest.errors import ContractInvalid, IngestError
from ingest.profiles import Catalogue, Profile
from ingest.reference import feeds_page


@dataclass(frozen=True)
class Review:
    """What was found.

    Attributes:
        problems: what must be mended, as sentences.
        changes: how the contracts differ from the other state, breaking changes among them.
        compared_with: the other state, or why there was nothing to compare with.
        page: docs/reference/feeds.md as it should be; empty while there are problems.
    """

    contracts: int
    profiles: int
    problems: tuple[str, ...]
    changes: tuple[str, ...]
    compared_with: str
    page: str


def review(home: Path | None = None, against: str = "main") -> Review:
    """Lint the contracts and profiles, and compare the contracts that ship with those of a git revision.

    Args:
        home: whose own configuration is laid over what ships; None for what ships alone.
    """
    contracts, problems = _contracts(home)
    profiles, wrong = _profiles(home, contracts)
    problems += wrong
    before, compared_with = _at(against)
    shipped = _contracts(None)[0] if home else contracts
    return Review(
        contracts=len(contracts),
        profiles=len(profiles),
        problems=(*problems, *(unversioned(before, shipped) if before else ())),
        changes=tuple(str(change) for change in changes(before, shipped)) if before else (),
        compared_with=compared_with,
        page="" if problems else feeds_page(contracts, profiles),
    )


def _contracts(home: Path | None) -> tuple[dict[str, Contract], list[str]]:
    contracts: dict[str, Contract] = {}
    problems: list[str] = []
    for feed, paths in sorted(overlay.layers("feeds", home).items()):
        try:
            document = overlay.load(paths)
            contracts[feed] = parse_contract(document, paths[-1])
        except IngestError as error:
            problems.append(str(error))
        else:
            problems += lint(document, paths[-1])
    return contracts, problems


def _profiles(home: Path | None, contracts: Mapping[str, Contract]) -> tuple[list[Profile], list[str]]:
    catalogue = Catalogue(home, contracts)
    profiles: list[Profile] = []
    problems: list[str] = []
    for name in catalogue.profile_ids:
        try:
            profile = catalogue.profile(name)
        except IngestError as error:
            problems.append(str(error))
            continue
        profiles.append(profile)
        problems += [
            f"profile {name}: {what} is missing"
            for what, value in (("description", profile.description), ("owner", profile.owner))
            if not value
        ]
    return profiles, problems


def _at(revision: str) -> tuple[dict[str, Contract], str]:
    """The contracts of a git revision, and what they are called; none, and why, where they cannot be had."""
    root = overlay.SHIPPED.parent
    folder = f"{overlay.SHIPPED.name}/feeds"
    try:
        listed = _git(root, "ls-tree", "--name-only", revision, f"{folder}/").split()
        contracts = {}
        for name in listed:
            path = root / name
            document = yaml.safe_load(_git(root, "show", f"{revision}:./{name}"))
            contracts[path.stem] = parse_contract(document, path)
    except FileNotFoundError:
        return {}, "nothing: git is not installed"
    except subprocess.CalledProcessError as error:
        return {}, f"nothing: {error.stderr.strip()}"
    except (yaml.YAMLError, ContractInvalid) as error:
        return {}, f"nothing: the contracts of {revision} cannot be read ({error})"
    return contracts, revision if contracts else f"nothing: {revision} has no contracts in {folder}"


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *words],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
