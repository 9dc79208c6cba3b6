"""What people decide in daily work: rows of one append-only feed, written here for the command line and the dashboard alike.

A decision lands as a file of the built-in profile `decisions` and is taken in like any other feed; nothing is kept anywhere else.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from sellthrough.errors import SellthroughError
from sellthrough.files import beside, swap
from sellthrough.settings import Settings

MAPPINGS = {"SKU": "SKU_XREF", "OUTLET": "OUTLET_XREF"}
"""Kind of code -> kind of the decision that says what the code means."""


class DecisionIncomplete(SellthroughError):
    """A decision lacks what makes it one."""


@dataclass(frozen=True)
class Decision:
    """One decision: who said when what about which key, and why. The columns are those of the contract `decision`.

    Attributes:
        kind: what is decided, such as SKU_XREF: the sender's item code means `value`.
        subject: the key that it is about, as text: the values of its key columns with `|` between them.
        value: what was decided; null takes back what earlier decisions of the same key said, for the dates that this one names.
        valid_from, valid_to: business dates for which it holds, both included; null: since ever, for ever.
    """

    kind: str
    subject: str
    decided_by: str
    value: str | None
    reason: str
    distributor_code: str | None = None
    sender_sku_code: str | None = None
    sender_outlet_code: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    decision_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    decided_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def record(settings: Settings, decisions: Sequence[Decision]) -> Path:
    """Let decisions land as one file; `sellthrough run` takes them in.

    Raises:
        DecisionIncomplete: nobody is named, no reason is given, or a period ends before it begins.
    """
    for decision in decisions:
        _refuse_incomplete(decision)
    first = decisions[0]
    path = settings.landing / "decisions" / f"{first.decided_at:%Y%m%dT%H%M%S%f}_{first.decision_id[:8]}.jsonl"
    temporary = beside(path)
    temporary.write_text("".join(_line(decision) + "\n" for decision in decisions), encoding="utf-8")
    swap(temporary, path)
    return path


def mapping(
    kind: str,
    owner: str,
    code: str,
    means: str | None,
    *,
    decided_by: str,
    reason: str,
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> Decision:
    """The decision that a sender's code means one of ours, for a time; `means=None` takes an earlier one back.

    Args:
        kind: SKU or OUTLET.
        owner: whose code it is: the distributor, or the retailer of a point-of-sale feed.
    """
    return Decision(
        kind=MAPPINGS[kind],
        subject=f"{owner}|{code}",
        decided_by=decided_by,
        value=means,
        reason=reason,
        distributor_code=owner,
        valid_from=valid_from,
        valid_to=valid_to,
        sender_sku_code=code if kind == "SKU" else None,
        sender_outlet_code=code if kind == "OUTLET" else None,
    )


def _refuse_incomplete(decision: Decision) -> None:
    if not decision.decided_by.strip() or not decision.reason.strip():
        raise DecisionIncomplete("A decision needs who decided it and why: state --by and --reason.")
    if decision.valid_from and decision.valid_to and decision.valid_to < decision.valid_from:
        raise DecisionIncomplete(
            f"The decision would end on {decision.valid_to}, before it begins on {decision.valid_from}; mend --from or --until."
        )


def _line(decision: Decision) -> str:
    values = asdict(decision)
    values["decided_at"] = decision.decided_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return json.dumps({name: value for name, value in values.items() if value is not None}, default=str)
