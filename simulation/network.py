"""Who is in the network: SKUs, territories, distributors, outlets, retailers and the codes that senders use for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from simulation.sizes import Sizes

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

CSV, SEMICOLON, XLSX = "csv_generic", "csv_semicolon", "xlsx_generic"
EXTENSION = {CSV: "csv", SEMICOLON: "csv", XLSX: "xlsx"}
REPLACE_PROFILES = (SEMICOLON, XLSX)

CATEGORIES = (
    ("Personal Care", ("Aurélia", "Clarisse"), ("Soap", "Shampoo", "Lotion"), 0.12, 45),
    ("Beverages", ("Citrello", "Montañe"), ("Cola", "Orange", "Tonic"), 0.38, 140),
    ("Snacks", ("Krispo", "Nøtta"), ("Chips", "Cookies", "Wafers"), 0.15, 320),
    ("Home Care", ("Limpio", "Weiß & Rein"), ("Detergent", "Cleaner", "Bleach"), 0.10, 90),
    ("Dairy", ("Fermière", "Alpin"), ("Butter", "Cheese", "Ghee"), 0.20, 350),
)
PACKS = (
    ("50 g", 12, 144, 1000),
    ("100 g", 12, 72, 1800),
    ("200 ml", 6, 48, 2500),
    ("250 g", 6, 36, 4200),
    ("500 ml", 6, 24, 6500),
    ("1 l", 4, 12, 11900),
    ("1 kg", 3, 12, 18500),
    ("2 kg", 2, 6, 31000),
)
OUTLET_CLASSES = ("A", "B", "C", "D")
CLASS_SHARE = (0.08, 0.22, 0.40, 0.30)
CLASS_RANGE = (0.95, 0.85, 0.72, 0.58)
CLASS_ACTIVITY = (3.2, 1.5, 0.75, 0.42)
OUTLET_NAMES = (
    "Café",
    "Épicerie",
    "Super",
    "Mini",
    "New",
    "Royal",
    "Señor",
    "Günther",
    "City",
    "Sharma",
    "Lucky",
    "Ganesh",
)
OUTLET_KINDS = ("Stores", "Traders", "Mart", "Provisions", "Kiosk", "Pharmacy", "General Store", "Bazaar")
CHANNELS = ("GROCERY", "KIOSK", "PHARMACY", "GENERAL_TRADE")
TOWNS = ("Aldea", "Bramley", "Coruña", "Dunmore", "Évian", "Fairview", "Görlitz", "Hollins", "Islip", "Jaén")
WEEKDAYS_OF_SALE = 6


@dataclass(frozen=True)
class Network:
    """The members of the network: master frames for people, arrays in the same order for the arithmetic.

    Money is in cents. Outlets are ordered by distributor and territory, so that each `group` (distributor x territory) is a stretch.
    """

    sizes: Sizes
    sku: pl.DataFrame
    territory: pl.DataFrame
    distributor: pl.DataFrame
    outlet: pl.DataFrame
    sku_xref: pl.DataFrame
    outlet_xref: pl.DataFrame
    sku_codes: list[str]
    distributor_codes: list[str]
    outlet_codes: list[str]
    territory_codes: list[str]
    retailer_codes: list[str]
    plant_codes: list[str]
    units_per_inner: Ints
    units_per_case: Ints
    mrp: Ints
    trade_price: Ints
    ex_factory_price: Ints
    standard_cost: Ints
    launch_day: Ints
    sku_category: Ints
    sku_popularity: Floats
    sku_plant: Ints
    lead_days: Ints
    transit_days: Ints
    norm_days: Ints
    review_weekday: Ints
    distributor_territory: Ints
    distributor_zone: Ints
    distributor_profile: list[str]
    bills_in_cases: Bools
    numeric_documents: Bools
    own_sku_codes: Bools
    sender_sku_codes: list[list[str]]
    sender_outlet_codes: list[str]
    retailer_sku_codes: list[list[str]]
    retailer_store_codes: dict[int, str]
    outlet_distributor: Ints
    outlet_territory: Ints
    outlet_class: Ints
    outlet_weekday: Ints
    outlet_visits: Ints
    outlet_retailer: Ints
    outlet_group: Ints
    group_distributor: Ints
    group_territory: Ints

    @property
    def pos_outlets(self) -> Ints:
        """Indices of the stores whose retailer reports its sales."""
        return np.flatnonzero(self.outlet_retailer >= 0)

    def sender_profile(self, sender: str) -> str:
        """The profile in which a sender writes: the distributor's own, csv_generic for all others."""
        return (
            self.distributor_profile[self.distributor_codes.index(sender)] if sender in self.distributor_codes else CSV
        )


def build(sizes: Sizes) -> Network:
    """Make the network of this size and seed."""
    sku = _skus(sizes)
    tree = _territories(sizes)
    dist = _distributors(sizes, tree)
    outlet = _outlets(sizes, tree, dist)
    codes = _codes(sizes, sku["codes"], dist, outlet)
    return Network(
        sizes=sizes,
        sku=sku["frame"],
        territory=tree["frame"],
        distributor=dist["frame"],
        outlet=outlet["frame"],
        sku_xref=codes["sku_xref"],
        outlet_xref=codes["outlet_xref"],
        sku_codes=sku["codes"],
        distributor_codes=dist["codes"],
        outlet_codes=outlet["codes"],
        territory_codes=tree["codes"],
        retailer_codes=outlet["retailers"],
        plant_codes=["P01", "P02"],
        units_per_inner=sku["inner"],
        units_per_case=sku["case"],
        mrp=sku["mrp"],
        trade_price=sku["trade_price"],
        ex_factory_price=sku["ex_factory_price"],
        standard_cost=sku["standard_cost"],
        launch_day=sku["launch_day"],
        sku_category=sku["category"],
        sku_popularity=sku["popularity"],
        sku_plant=sku["category"] % 2,
        lead_days=dist["lead"],
        transit_days=dist["transit"],
        norm_days=dist["norm"],
        review_weekday=dist["review"],
        distributor_territory=dist["territory"],
        distributor_zone=tree["zone"][dist["territory"]],
        distributor_profile=dist["profile"],
        bills_in_cases=dist["bills_in_cases"],
        numeric_documents=dist["numeric_documents"],
        own_sku_codes=dist["own_sku_codes"],
        sender_sku_codes=codes["sender_sku"],
        sender_outlet_codes=codes["sender_outlet"],
        retailer_sku_codes=codes["retailer_sku"],
        retailer_store_codes=codes["retailer_store"],
        outlet_distributor=outlet["distributor"],
        outlet_territory=outlet["territory"],
        outlet_class=outlet["class"],
        outlet_weekday=outlet["weekday"],
        outlet_visits=outlet["visits"],
        outlet_retailer=outlet["retailer"],
        outlet_group=outlet["group"],
        group_distributor=outlet["group_distributor"],
        group_territory=outlet["group_territory"],
    )


def _skus(sizes: Sizes) -> dict[str, Any]:
    rng = sizes.rng(1)
    n = sizes.skus
    category = np.arange(n) % len(CATEGORIES)
    pack = rng.integers(0, len(PACKS), n)
    inner = np.array([PACKS[p][1] for p in pack], dtype=np.int64)
    case = np.array([PACKS[p][2] for p in pack], dtype=np.int64)
    base = np.array([PACKS[p][3] for p in pack], dtype=np.float64)
    mrp = (np.round(base * rng.uniform(0.7, 1.6, n) / 100) * 100).astype(np.int64)
    trade_price = np.floor(mrp * rng.uniform(0.86, 0.91, n)).astype(np.int64)
    ex_factory_price = np.floor(trade_price * rng.uniform(0.92, 0.95, n)).astype(np.int64)
    standard_cost = np.floor(ex_factory_price * rng.uniform(0.55, 0.72, n)).astype(np.int64)
    launch_day = np.full(n, -1, dtype=np.int64)
    launched = np.flatnonzero(np.arange(n) % 12 == 7)
    if sizes.days >= 60:
        launch_day[launched] = rng.integers(sizes.days // 6, sizes.days * 3 // 4, len(launched))
    names, brands, subs, codes, gtins = [], [], [], [], []
    for i in range(n):
        _, brand_names, variants, _, _ = CATEGORIES[category[i]]
        brand = brand_names[(i // len(CATEGORIES)) % len(brand_names)]
        variant = variants[(i // (2 * len(CATEGORIES))) % len(variants)]
        brands.append(brand)
        subs.append(f"{brand} {variant}")
        names.append(f"{brand} {variant} {PACKS[pack[i]][0]}")
        codes.append(f"00{4000 + i}" if i % 10 == 3 else f"SK{1001 + i}")
        gtins.append(_gtin13(890_100_000_000 + i))
    old = sizes.start - timedelta(days=900)
    launch = [sizes.day(d) if d >= 0 else old for d in launch_day.tolist()]
    frame = pl.DataFrame(
        {
            "sku_code": codes,
            "sku_name": names,
            "gtin": gtins,
            "brand": brands,
            "sub_brand": subs,
            "category": [CATEGORIES[c][0] for c in category],
            "pack": [PACKS[p][0] for p in pack],
            "base_unit": ["EA"] * n,
            "units_per_inner": inner,
            "units_per_case": case,
            "mrp": mrp / 100,
            "ex_factory_price": ex_factory_price / 100,
            "standard_cost": standard_cost / 100,
            "launch_date": launch,
            "delist_date": pl.Series([None] * n, dtype=pl.Date),
            "predecessor_sku_code": pl.Series([None] * n, dtype=pl.String),
        }
    )
    popularity = np.exp(rng.normal(0, 0.85, n))
    return {
        "frame": frame,
        "codes": codes,
        "inner": inner,
        "case": case,
        "mrp": mrp,
        "trade_price": trade_price,
        "ex_factory_price": ex_factory_price,
        "standard_cost": standard_cost,
        "launch_day": launch_day,
        "category": category,
        "popularity": popularity / popularity.mean(),
    }


def _gtin13(number: int) -> str:
    digits = f"{number:012d}"
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits))
    return f"{digits}{-total % 10}"


def _territories(sizes: Sizes) -> dict[str, Any]:
    rng = sizes.rng(2)
    zones = 4 if sizes.distributors >= 8 else 2
    territories = max(zones, sizes.distributors)
    codes = [f"T{i + 1:03d}" for i in range(territories)]
    zone = np.arange(territories) * zones // territories
    rows: list[tuple[str, str, str | None, str]] = [("NAT", "Nation", None, "NATION")]
    zone_names = ("North", "South", "East", "West")
    for z in range(zones):
        rows.append((f"Z{z + 1}", f"Zone {zone_names[z]}", "NAT", "ZONE"))
        for r in range(2):
            rows.append((f"Z{z + 1}R{r + 1}", f"{zone_names[z]} region {r + 1}", f"Z{z + 1}", "REGION"))
            for a in range(2):
                rows.append(
                    (f"Z{z + 1}R{r + 1}A{a + 1}", f"{zone_names[z]} area {r + 1}.{a + 1}", f"Z{z + 1}R{r + 1}", "AREA")
                )
    for i, code in enumerate(codes):
        quarter = i % 4
        area = f"Z{zone[i] + 1}R{quarter // 2 + 1}A{quarter % 2 + 1}"
        rows.append((code, f"{TOWNS[i % len(TOWNS)]} {i // len(TOWNS) + 1}", area, "TERRITORY"))
    for i, code in enumerate(codes):
        for b in range(WEEKDAYS_OF_SALE):
            rows.append(
                (f"{code}-B{b + 1}", f"{TOWNS[i % len(TOWNS)]} {i // len(TOWNS) + 1} beat {b + 1}", code, "BEAT")
            )
    frame = pl.DataFrame(rows, schema=["territory_code", "territory_name", "parent_code", "level"], orient="row")
    latitude = rng.uniform(9.0, 29.0, territories)
    longitude = rng.uniform(71.0, 88.0, territories)
    return {"frame": frame, "codes": codes, "zone": zone, "latitude": latitude, "longitude": longitude}


def _distributors(sizes: Sizes, tree: dict[str, Any]) -> dict[str, Any]:
    rng = sizes.rng(3)
    n = sizes.distributors
    codes = [f"D{i + 1:03d}" for i in range(n)]
    weight = np.sort(np.exp(rng.normal(0, 0.55, n)))[::-1]
    weight = np.maximum(weight / weight.sum(), 0.25 / n)
    small = max(1, round(n * 0.075)) if n >= 3 else 0
    weight = np.r_[weight[: n - small][rng.permutation(n - small)], weight[n - small :] * 0.3]
    profile = [SEMICOLON if i % 5 in (1, 3) else CSV for i in range(n - small)] + [XLSX] * small
    weight /= weight.sum()
    territory = np.arange(n) % len(tree["codes"])
    lead = rng.integers(1, 4, n)
    transit = rng.integers(1, 6, n)
    norm = rng.choice([7, 10, 15, 21], n, p=[0.25, 0.35, 0.25, 0.15])
    kinds = np.where(weight > 1.6 / n, "SUPER_STOCKIST", "STOCKIST")
    platform = {CSV: "DMS-One", SEMICOLON: "StockManager", XLSX: "Spreadsheet"}
    frame = pl.DataFrame(
        {
            "distributor_code": codes,
            "distributor_name": [
                f"{TOWNS[i % len(TOWNS)]} {'Agences' if i % 2 else 'Distribution'} {i + 1}" for i in range(n)
            ],
            "distributor_type": kinds.tolist(),
            "parent_code": pl.Series([None] * n, dtype=pl.String),
            "territory_code": [tree["codes"][t] for t in territory],
            "dms_platform": [platform[p] for p in profile],
            "lead_time_days": lead,
            "transit_days": transit,
            "norm_days": norm,
        }
    )
    order = np.arange(n)
    return {
        "frame": frame,
        "codes": codes,
        "weight": weight,
        "profile": profile,
        "lead": lead.astype(np.int64),
        "transit": transit.astype(np.int64),
        "norm": norm.astype(np.int64),
        "territory": territory,
        "review": rng.integers(0, WEEKDAYS_OF_SALE, n),
        "bills_in_cases": order % 2 == 1,
        "numeric_documents": order % 3 == 2,
        "own_sku_codes": order % 2 == 1,
        "own_outlet_codes": order % 3 != 0,
    }


def _outlets(sizes: Sizes, tree: dict[str, Any], dist: dict[str, Any]) -> dict[str, Any]:
    rng = sizes.rng(4)
    n, d = sizes.outlets, sizes.distributors
    count = 1 + _largest_remainder(dist["weight"], n - d)
    distributor = np.repeat(np.arange(d), count)
    territories = len(tree["codes"])
    home = dist["territory"][distributor]
    abroad = rng.random(n) < 0.2
    territory = np.where(abroad, (home + 1) % territories, home)
    order = np.lexsort((territory, distributor))
    territory = territory[order]
    outlet_class = rng.choice(4, n, p=CLASS_SHARE)
    weekday = rng.integers(0, WEEKDAYS_OF_SALE, n)
    codes = [f"00{30000 + i}" if i % 8 == 5 else f"R{100001 + i}" for i in range(n)]
    pairs = distributor * territories + territory
    group_pairs, group = np.unique(pairs, return_inverse=True)
    retailers = 1 if n < 600 else 4
    stores = max(2, n // 100) if n >= 2 else 1
    picked = np.sort(rng.permutation(n)[:stores])
    outlet_class[picked] = 0
    retailer = np.full(n, -1, dtype=np.int64)
    retailer[picked] = np.arange(len(picked)) % retailers
    retailer_codes = [f"R{i + 1:02d}" for i in range(retailers)]
    visits = np.where(outlet_class == 0, 2, 1)
    name_a, name_b = rng.integers(0, len(OUTLET_NAMES), n), rng.integers(0, len(OUTLET_KINDS), n)
    channel = rng.integers(0, len(CHANNELS), n)
    frame = pl.DataFrame(
        {
            "outlet_code": codes,
            "outlet_name": [f"{OUTLET_NAMES[a]} {OUTLET_KINDS[b]}" for a, b in zip(name_a, name_b, strict=True)],
            "channel": ["MODERN_TRADE" if retailer[i] >= 0 else CHANNELS[channel[i]] for i in range(n)],
            "outlet_class": [OUTLET_CLASSES[c] for c in outlet_class],
            "address": [f"{i % 190 + 1} Main Road, shop {i % 7 + 1}" for i in range(n)],
            "city": [TOWNS[t % len(TOWNS)] for t in territory],
            "latitude": np.round(tree["latitude"][territory] + rng.normal(0, 0.08, n), 6),
            "longitude": np.round(tree["longitude"][territory] + rng.normal(0, 0.08, n), 6),
            "territory_code": [f"{tree['codes'][t]}-B{w + 1}" for t, w in zip(territory, weekday, strict=True)],
            "distributor_code": [dist["codes"][i] for i in distributor],
            "status": ["ACTIVE"] * n,
            "retailer_code": pl.Series([retailer_codes[r] if r >= 0 else None for r in retailer], dtype=pl.String),
        }
    )
    return {
        "frame": frame,
        "codes": codes,
        "distributor": distributor,
        "territory": territory,
        "class": outlet_class,
        "weekday": weekday,
        "visits": visits,
        "retailer": retailer,
        "retailers": retailer_codes,
        "group": group,
        "group_distributor": group_pairs // territories,
        "group_territory": group_pairs % territories,
    }


def _largest_remainder(weight: Floats, total: int) -> Ints:
    exact = weight / weight.sum() * total
    whole: Ints = np.floor(exact).astype(np.int64)
    short = total - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:short]] += 1
    return whole


def _codes(sizes: Sizes, sku_codes: list[str], dist: dict[str, Any], outlet: dict[str, Any]) -> dict[str, Any]:
    sender_sku, sku_rows = [], []
    for d, code in enumerate(dist["codes"]):
        own = list(sku_codes)
        if dist["own_sku_codes"][d]:
            own = [f"0{d % 10}{i + 1:03d}" if d % 4 == 1 else f"{code[1:]}/{i + 1:03d}" for i in range(len(sku_codes))]
            sku_rows += [(code, mine, theirs) for mine, theirs in zip(own, sku_codes, strict=True)]
        sender_sku.append(own)
    retailer_sku = []
    for r, code in enumerate(outlet["retailers"]):
        own = list(sku_codes)
        if r % 2 == 0:
            own = [f"{70000 + 13 * i}" for i in range(len(sku_codes))]
            sku_rows += [(code, mine, theirs) for mine, theirs in zip(own, sku_codes, strict=True)]
        retailer_sku.append(own)
    sender_outlet, outlet_rows = list(outlet["codes"]), []
    serial = np.zeros(sizes.distributors, dtype=np.int64)
    for o, d in enumerate(outlet["distributor"].tolist()):
        serial[d] += 1
        if dist["own_outlet_codes"][d]:
            sender_outlet[o] = f"{serial[d]:05d}" if d % 2 else f"C-{serial[d]:04d}"
            outlet_rows.append((dist["codes"][d], sender_outlet[o], outlet["codes"][o]))
    store: dict[int, str] = {}
    for o in np.flatnonzero(outlet["retailer"] >= 0).tolist():
        retailer = int(outlet["retailer"][o])
        store[int(o)] = f"{len(store) + 1:04d}" if retailer % 2 == 0 else outlet["codes"][o]
        if retailer % 2 == 0:
            outlet_rows.append((outlet["retailers"][retailer], store[int(o)], outlet["codes"][o]))
    return {
        "sender_sku": sender_sku,
        "sender_outlet": sender_outlet,
        "retailer_sku": retailer_sku,
        "retailer_store": store,
        "sku_xref": _xref(sku_rows, "sender_sku_code", "sku_code"),
        "outlet_xref": _xref(outlet_rows, "sender_outlet_code", "outlet_code"),
    }


def _xref(rows: list[tuple[str, str, str]], theirs: str, ours: str) -> pl.DataFrame:
    schema = {"distributor_code": pl.String, theirs: pl.String, ours: pl.String}
    nothing: list[date | None] = [None] * len(rows)
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.Series("valid_from", nothing, dtype=pl.Date), pl.Series("valid_to", nothing, dtype=pl.Date)
    )
