"""Feed contracts: what a canonical feed holds and which rules its rows obey."""

from ingest.contracts.load import load_contracts, parse_contract
from ingest.contracts.model import ENVELOPE, FEED_ORDER, REJECTS, Column, Contract, DatasetRule, Rule
from ingest.contracts.rules import FRAMING_RULES, breaks, columns_of, flags, is_strict

__all__ = [
    "ENVELOPE",
    "FEED_ORDER",
    "FRAMING_RULES",
    "REJECTS",
    "Column",
    "Contract",
    "DatasetRule",
    "Rule",
    "breaks",
    "columns_of",
    "flags",
    "is_strict",
    "load_contracts",
    "parse_contract",
]
