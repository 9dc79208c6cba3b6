"""Make the helpers beside the tests importable, and give each test a data home of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bronze_factory import BronzeFactory


def _load(name: str) -> None:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


for helper in ("bronze_factory", "warehouse_process", "random_history"):
    if helper not in sys.modules:
        _load(helper)


@pytest.fixture
def bronze(tmp_path: Path) -> BronzeFactory:
    """An empty data home whose bronze is written by hand."""
    from bronze_factory import BronzeFactory

    return BronzeFactory(tmp_path)
