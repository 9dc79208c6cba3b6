"""Generic enrichment: which polygon of a GeoJSON file holds a point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import shapely

from ingest.errors import IngestError
from ingest.profiles import PointInPolygon, SeedGeoJson


class GeoJsonMissing(IngestError):
    """A profile names a GeoJSON file that is in none of the folders where it is looked for."""

    def __init__(self, name: str, searched: Sequence[Path]) -> None:
        self.name = name
        self.searched = tuple(searched)
        super().__init__(
            f"the profile needs {name}, which is in none of the data folders; put it at HOME/config/{name}"
        )


@dataclass(frozen=True)
class Geography:
    """Features of a GeoJSON file.

    Attributes:
        digest: SHA-256 of the file, part of what decides how a file is read.
    """

    features: tuple[dict[str, Any], ...]
    shapes: Any
    digest: str


def find(name: str, folders: Sequence[Path]) -> Path:
    """Look for a GeoJSON file: an absolute path, or a path below one of the folders."""
    path = Path(name)
    candidates = [path] if path.is_absolute() else [folder / part for folder in folders for part in (name, path.name)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise GeoJsonMissing(name, folders)


def load(path: Path) -> Geography:
    """Read a GeoJSON file once per process and content."""
    return _load(path.read_bytes(), path.name)


@lru_cache(maxsize=4)
def _load(data: bytes, name: str) -> Geography:
    try:
        features = tuple(json.loads(data)["features"])
        shapes = np.array([shapely.from_geojson(json.dumps(feature["geometry"])) for feature in features], dtype=object)
    except (ValueError, KeyError, TypeError, shapely.errors.GEOSException) as error:
        raise IngestError(f"{name}: is no GeoJSON feature collection: {error}") from error
    return Geography(features=features, shapes=shapes, digest=hashlib.sha256(data).hexdigest())


def point_in_polygon(frame: pl.DataFrame, settings: PointInPolygon, geography: Geography) -> pl.Series:
    """The code of the polygon that holds each row's point; null without coordinates and outside all polygons.

    A point on a shared border goes to the polygon that comes first in the order of codes.
    """
    points = frame.select(settings.latitude, settings.longitude)
    distinct = points.drop_nulls().unique(maintain_order=True)
    codes = [str(feature["properties"].get(settings.property)) for feature in geography.features]
    order = sorted(range(len(codes)), key=codes.__getitem__)
    tree = shapely.STRtree(geography.shapes[order])
    made = shapely.points(distinct[settings.longitude].to_numpy(), distinct[settings.latitude].to_numpy())
    found: dict[int, int] = {}
    for point, polygon in zip(*tree.query(made, predicate="intersects").tolist(), strict=True):
        found[point] = min(polygon, found.get(point, polygon))
    hits = [codes[order[found[index]]] if index in found else None for index in range(len(distinct))]
    lookup = distinct.with_columns(pl.Series(settings.into, hits, dtype=pl.String))
    return points.join(lookup, on=[settings.latitude, settings.longitude], how="left", maintain_order="left")[
        settings.into
    ]


def seed_rows(settings: SeedGeoJson, geography: Geography) -> list[dict[str, str]]:
    """One master row per feature."""
    rows = []
    for feature in geography.features:
        named = {column: str(feature["properties"][key]) for column, key in settings.columns.items()}
        rows.append({**settings.constants, **named})
    return sorted(rows, key=lambda row: sorted(row.items()))
