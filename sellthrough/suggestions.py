"""What an unmapped code may mean: candidates with a score and the evidence, for a steward to accept. Nothing maps by itself.

Items: a GTIN with a right check digit first, then name, pack and price. Outlets: tax number, telephone, then name and distance; a tax
number or telephone that contradicts speaks against a candidate, so that the shops of one chain in one mall stay apart.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

Row = Mapping[str, object]

KEPT = 3
"""Candidates kept per code."""

LEAST_SCORE = 0.5
"""Below it a candidate is no help."""

_BY_NAME = 30
"""Candidates by name that are looked at more closely."""

_SIZE = re.compile(r"(\d+(?:[.,]\d+)?)\s*(kg|gms?|grams?|g|mg|litres?|liters?|ltrs?|ml|cl|l|pcs?|tabs?|caps?)\b")
_UNITS = {
    "kg": ("g", 1000.0),
    "g": ("g", 1.0),
    "gm": ("g", 1.0),
    "gms": ("g", 1.0),
    "gram": ("g", 1.0),
    "grams": ("g", 1.0),
    "mg": ("g", 0.001),
    "l": ("ml", 1000.0),
    "ltr": ("ml", 1000.0),
    "ltrs": ("ml", 1000.0),
    "litre": ("ml", 1000.0),
    "litres": ("ml", 1000.0),
    "liter": ("ml", 1000.0),
    "liters": ("ml", 1000.0),
    "ml": ("ml", 1.0),
    "cl": ("ml", 10.0),
    "pc": ("pc", 1.0),
    "pcs": ("pc", 1.0),
    "tab": ("tab", 1.0),
    "tabs": ("tab", 1.0),
    "cap": ("cap", 1.0),
    "caps": ("cap", 1.0),
}
_EARTH_RADIUS_M = 6_371_000.0
_NEAR_M = 150.0
_WITHOUT_GTIN = 0.94
"""The most that name, pack and price together can say; a GTIN of its own says more."""


@dataclass(frozen=True)
class Suggestion:
    """One candidate for an unmapped code.

    Attributes:
        kind: SKU or OUTLET.
        owner: whose code it is.
        rank: 1 is the best.
        score: 0 to 1.
        evidence: JSON of what speaks for and against; personal data is named, never shown.
    """

    kind: str
    owner: str
    code: str
    rank: int
    suggested_code: str
    suggested_name: str | None
    score: float
    evidence: str


def suggest_skus(queue: Iterable[Row], masters: Sequence[Row]) -> list[Suggestion]:
    """Candidates for item codes.

    Args:
        queue: owner, code, and where they are known name, gtin, pack, price (per base unit).
        masters: code, name, and where they are known gtins (a list), pack, price (per base unit).
    """
    names = [_words(_text(master, "name")) for master in masters]
    by_gtin: dict[str, list[int]] = {}
    for place, master in enumerate(masters):
        for value in master.get("gtins") or ():  # type: ignore[attr-defined]
            gtin = gtin14(str(value))
            if gtin is not None:
                by_gtin.setdefault(gtin, []).append(place)
    found: list[Suggestion] = []
    for item in queue:
        gtin = gtin14(_text(item, "gtin")) or gtin14(_text(item, "code"))
        same_gtin = set(by_gtin.get(gtin, ())) if gtin else set()
        wanted = _words(_text(item, "name"))
        places = same_gtin | set(_nearest(wanted, names))
        scored = [
            _judge_sku(item, wanted, masters[place], names[place], place in same_gtin, len(same_gtin))
            for place in places
        ]
        found += _best("SKU", item, [(masters[place], *judged) for place, judged in zip(places, scored, strict=True)])
    return found


def suggest_outlets(queue: Iterable[Row], masters: Sequence[Row]) -> list[Suggestion]:
    """Candidates for outlet codes.

    Args:
        queue: owner, code, and where they are known name, phone, tax_no, latitude, longitude (degrees, WGS 84).
        masters: code, and the same.
    """
    names = [_words(_text(master, "name")) for master in masters]
    by_number: dict[tuple[str, str], list[int]] = {}
    for place, master in enumerate(masters):
        for kind, number in _numbers(master).items():
            by_number.setdefault((kind, number), []).append(place)
    found: list[Suggestion] = []
    for item in queue:
        wanted = _words(_text(item, "name"))
        places = {place for pair in _numbers(item).items() for place in by_number.get(pair, ())}
        places |= set(_nearest(wanted, names))
        found += _best(
            "OUTLET",
            item,
            [(masters[place], *_judge_outlet(item, wanted, masters[place], names[place])) for place in places],
        )
    return found


def gtin14(text: str) -> str | None:
    """A GTIN-8, -12, -13 or -14 with a right check digit, in fourteen digits; null for anything else (GS1 General Specifications, 7.9)."""
    digits = text.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) not in (8, 12, 13, 14):
        return None
    full = digits.zfill(14)
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(full[:13]))
    return full if (10 - weighted % 10) % 10 == int(full[13]) else None


def size_of(text: str) -> tuple[str, float] | None:
    """The last size that a name or pack states, in g, ml or pieces: `0.5 kg` and `500 gm` are the same."""
    sizes = _SIZE.findall(text.lower())
    if not sizes:
        return None
    amount, unit = sizes[-1]
    base, factor = _UNITS[unit]
    return base, round(float(amount.replace(",", ".")) * factor, 3)


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance in metres (haversine)."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    half_phi, half_lambda = (other_phi - phi) / 2, math.radians(other_longitude - longitude) / 2
    chord = math.sin(half_phi) ** 2 + math.cos(phi) * math.cos(other_phi) * math.sin(half_lambda) ** 2
    return 2 * _EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def _judge_sku(
    item: Row, wanted: str, master: Row, name: str, same_gtin: bool, sharing: int
) -> tuple[float, dict[str, object]]:
    evidence: dict[str, object] = {}
    parts: list[tuple[float, float]] = []
    if wanted and name:
        alike = fuzz.token_set_ratio(wanted, name) / 200 + fuzz.token_sort_ratio(wanted, name) / 200
        evidence["name"] = round(alike, 2)
        parts.append((0.6, alike))
    size, other = _size(item), _size(master)
    if size and other:
        evidence["pack"] = "same" if size == other else "differs"
        parts.append((0.25, float(size == other)))
    price, other_price = _number(item, "price"), _number(master, "price")
    if price and other_price:
        ratio = min(price, other_price) / max(price, other_price)
        evidence["price"] = round(price / other_price, 2)
        parts.append((0.15, max(0.0, 1 - (1 - ratio) / 0.3)))
    score = sum(weight * value for weight, value in parts) / sum(weight for weight, _ in parts) if parts else 0.0
    if len(parts) == 1:
        score *= 0.9
    if not same_gtin:
        return _WITHOUT_GTIN * score, evidence
    evidence["gtin"] = "same" if sharing == 1 else f"same, shared by {sharing} items"
    least = _WITHOUT_GTIN if sharing == 1 else 0.7
    return least + (1 - least) * score, evidence


def _judge_outlet(item: Row, wanted: str, master: Row, name: str) -> tuple[float, dict[str, object]]:
    evidence: dict[str, object] = {}
    parts: list[tuple[float, float]] = []
    if wanted and name:
        alike = fuzz.token_sort_ratio(wanted, name) / 100
        evidence["name"] = round(alike, 2)
        parts.append((0.6, alike))
    place = [_number(row, column) for row in (item, master) for column in ("latitude", "longitude")]
    if all(value is not None for value in place):
        metres = distance_m(*(float(value) for value in place if value is not None))
        evidence["distance_m"] = round(metres)
        parts.append((0.4, math.exp(-metres / _NEAR_M)))
    score = sum(weight * value for weight, value in parts) / sum(weight for weight, _ in parts) if parts else 0.0
    if len(parts) == 1:
        score *= 0.85
    numbers, others = _numbers(item), _numbers(master)
    for kind, sure in (("phone", 0.9), ("tax_no", 0.97)):
        if kind in numbers and kind in others:
            same = numbers[kind] == others[kind]
            evidence[kind] = "same" if same else "differs"
            score = max(sure, score) if same else score * 0.5
    return score, evidence


def _best(kind: str, item: Row, judged: list[tuple[Row, float, dict[str, object]]]) -> list[Suggestion]:
    good = [entry for entry in judged if entry[1] >= LEAST_SCORE]
    good.sort(key=lambda entry: (-round(entry[1], 3), str(entry[0]["code"])))
    return [
        Suggestion(
            kind,
            _text(item, "owner"),
            _text(item, "code"),
            rank,
            str(master["code"]),
            _text(master, "name") or None,
            round(score, 3),
            json.dumps(evidence, sort_keys=True),
        )
        for rank, (master, score, evidence) in enumerate(good[:KEPT], start=1)
    ]


def _nearest(wanted: str, names: Sequence[str]) -> list[int]:
    if not wanted:
        return []
    return [
        place
        for _, _, place in process.extract(wanted, names, scorer=fuzz.token_set_ratio, limit=_BY_NAME, score_cutoff=40)
    ]


def _numbers(row: Row) -> dict[str, str]:
    """Telephone (its last ten digits, so that country codes do not matter) and tax number, without signs that mean nothing."""
    phone = re.sub(r"\D", "", _text(row, "phone"))[-10:]
    tax = re.sub(r"[^0-9A-Z]", "", _text(row, "tax_no").upper())
    return {kind: number for kind, number in (("phone", phone), ("tax_no", tax)) if len(number) >= 7}


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.lower())
    letters = "".join(sign if sign.isalnum() else " " for sign in plain if not unicodedata.combining(sign))
    return " ".join(letters.split())


def _size(row: Row) -> tuple[str, float] | None:
    return size_of(_text(row, "pack")) or size_of(_text(row, "name"))


def _text(row: Row, column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value)


def _number(row: Row, column: str) -> float | None:
    value = row.get(column)
    return None if value is None else float(str(value))
