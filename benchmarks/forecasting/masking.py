"""What it is worth to take weeks that an empty shelf has cut short for unknown: every model with and without knowing of them.

On a simulated network, whose true mean demand is known: WAPE of the forecast against that mean, over the last origins, a
horizon of eight weeks apart; the same models on the same sales, once told in which weeks the shelf was empty and once not.

    python benchmarks/forecasting/masking.py --work DIR [--series 2000] [--origins 3]
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import data as benchmark
import numpy as np

from forecasting import baselines, global_model
from forecasting.cells import forecast_prophet
from forecasting.panel import Floats
from forecasting.series import Forecaster, Series
from forecasting.settings import ForecastSettings

HORIZON = 8


def main() -> None:
    """Print the table and write it to `masking.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/bench-forecasting"))
    parser.add_argument("--series", type=int, default=2000, help="how many of the best sellers; 0 for all")
    parser.add_argument("--origins", type=int, default=3)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = benchmark.simulated(arguments.work / "network")
    if arguments.series:
        data = data.best_sellers(arguments.series, len(data.weeks) - HORIZON * arguments.origins)
    table = compare(data, arguments.origins)
    print(f"{len(data.quantity)} series, {data.stocked_out.mean():.1%} of weeks with an empty shelf\n")
    print("| model | not told | told | lower by |\n|---|---|---|---|")
    for model, (blind, told) in table.items():
        print(f"| {model} | {blind:.4f} | {told:.4f} | {1 - told / blind:.1%} |")
    (arguments.work / "masking.json").write_text(json.dumps(table, indent=1) + "\n")


def compare(data: benchmark.Data, origins: int) -> dict[str, tuple[float, float]]:
    """Model -> WAPE against the true mean, not told and told."""
    wrong: dict[str, list[float]] = {}
    true = 0.0
    for place in range(origins):
        length = len(data.weeks) - HORIZON * (origins - place)
        rows, told = data.at(length, HORIZON, drivers=False)
        blind = replace(told, stocked_out=np.zeros_like(told.stocked_out))
        truth = data.truth[rows, length : length + HORIZON]
        true += float(truth.sum())
        for side, series in enumerate((blind, told)):
            for model, mean in forecasts(series).items():
                wrong.setdefault(model, [0.0, 0.0])[side] += float(np.abs(mean - truth).sum())
    return {model: (blind / true, told / true) for model, (blind, told) in wrong.items()}


def forecasts(series: Series) -> dict[str, Floats]:
    """The means of every model of the pool."""
    model = global_model.train(series, ForecastSettings(), HORIZON)
    settings = replace(ForecastSettings(), young_share=model.young_share)
    pool: dict[str, Forecaster | None] = {
        baselines.NAIVE: baselines.naive,
        baselines.SES: baselines.ses,
        baselines.TSB: baselines.tsb,
        baselines.IMAPA: baselines.imapa,
        global_model.SEASONAL_SES: global_model.seasonal_ses(model),
        global_model.LIGHTGBM: global_model.lightgbm_direct(model),
        "prophet_batch": forecast_prophet,
    }
    return {name: forecaster(series, settings).mean for name, forecaster in pool.items() if forecaster}


if __name__ == "__main__":
    main()
