"""A made distribution network with known truth, written as senders would write it."""

from simulation.errors import InvalidDefect, InvalidDefectFile, InvalidSize, OutputNotEmpty, SimulationError
from simulation.runner import DEFAULT_DEFECTS, DEFAULT_END, SimulationReport, run

__all__ = [
    "DEFAULT_DEFECTS",
    "DEFAULT_END",
    "InvalidDefect",
    "InvalidDefectFile",
    "InvalidSize",
    "OutputNotEmpty",
    "SimulationError",
    "SimulationReport",
    "run",
]
