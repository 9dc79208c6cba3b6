"""What was learnt from all series, as JSON: the model stands beside the forecast that came of it, for people to read and for the next run to use."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.global_model import GlobalModel
from forecasting.profile import Profile
from forecasting.settings import ForecastSettings

LEARN_SERIES = 20_000
"""The sample of series that a model learns from, at most; drawn with the settings' seed."""


def sample(rows: np.ndarray[Any, np.dtype[np.intp]], settings: ForecastSettings) -> np.ndarray[Any, np.dtype[np.intp]]:
    """At most LEARN_SERIES of the rows, in their order."""
    if len(rows) <= LEARN_SERIES:
        return rows
    return np.sort(np.random.default_rng(settings.seed).choice(rows, LEARN_SERIES, replace=False))


def write(path: Path, models: Sequence[GlobalModel | None]) -> None:
    """Write what was learnt at each origin."""
    path.write_text(json.dumps([model and asdict(model) for model in models], default=_plain), encoding="utf-8")


def read(path: Path) -> list[GlobalModel | None]:
    """What `write` wrote, to the last bit."""
    return [model and _model(model) for model in json.loads(path.read_text(encoding="utf-8"))]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _model(values: dict[str, Any]) -> GlobalModel:
    profile = values["profile"]
    for part in ("deviation", "codes"):
        profile[part] = {name: np.array(array) for name, array in profile[part].items()}
    profile["course"] = np.array(profile["course"], dtype=np.float64)
    values["constants"] = np.array(values["constants"], dtype=np.float64)
    for part in ("recent", "codes"):
        values[part] = {name: np.array(array) for name, array in values[part].items()}
    return GlobalModel(**{**values, "profile": Profile(**profile)})
