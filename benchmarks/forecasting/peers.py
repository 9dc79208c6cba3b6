"""Forecast a file of series by one peer; run by the interpreter of the benchmark's own environment.

    .venv-peers/bin/python peers.py MODEL HORIZON IN.parquet OUT.parquet

IN: unique_id, ds, y; weekly, without gaps. OUT: unique_id, ds, mean. Models: auto_ets, lightgbm_default, lightgbm_tweedie.
"""

import sys
import warnings

import pandas as pd

WEEK = "W-MON"


def auto_ets(frame: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """The automatic choice among exponential smoothing models, without a season: a year of weeks is beyond it."""
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS, HistoricAverage

    model = StatsForecast(models=[AutoETS(season_length=1, alias="mean")], freq=WEEK, fallback_model=HistoricAverage())
    return model.forecast(df=frame, h=horizon)


def lightgbm(frame: pd.DataFrame, horizon: int, objective: str | None) -> pd.DataFrame:
    """One LightGBM for all series on lags, rolling means and the week of the year; steps ahead are fed back."""
    import lightgbm as lgb
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import ExpandingMean, RollingMean

    tuned = {} if objective is None else {"objective": objective, "n_estimators": 500, "learning_rate": 0.03}
    model = MLForecast(
        models={"mean": lgb.LGBMRegressor(verbosity=-1, n_jobs=1, random_state=1, **tuned)},
        freq=WEEK,
        lags=[*range(1, 9), 13, 26, 52],
        lag_transforms={1: [RollingMean(4), RollingMean(13), RollingMean(26), ExpandingMean()]},
        date_features=["week", "month"],
        num_threads=1,
    )
    model.fit(frame, static_features=[], dropna=False)
    return model.predict(horizon)


def main() -> None:
    """Read, forecast, write."""
    warnings.filterwarnings("ignore", message="Found null values")
    name, horizon, source, target = sys.argv[1:]
    frame = pd.read_parquet(source)
    frame["ds"] = pd.to_datetime(frame["ds"])
    frame["y"] = frame["y"].clip(lower=0)  # tweedie takes no returns
    models = {
        "auto_ets": auto_ets,
        "lightgbm_default": lambda frame, horizon: lightgbm(frame, horizon, None),
        "lightgbm_tweedie": lambda frame, horizon: lightgbm(frame, horizon, "tweedie"),
    }
    result = models[name](frame, int(horizon))
    result.reset_index()[["unique_id", "ds", "mean"]].to_parquet(target, index=False)


if __name__ == "__main__":
    main()
