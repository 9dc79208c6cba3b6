"""The reference: Prophet as its makers ship it, one Stan process per series. Some hundred times slower than
`prophet_batch`; used to test it.
"""

import contextlib
import io
from dataclasses import asdict

import numpy as np

from forecasting.prophet_batch import ProphetSettings
from forecasting.prophet_batch.calendar import Dates
from forecasting.prophet_batch.prophet_own import prophet_class
from forecasting.prophet_batch.solver import Floats

TIGHT_STAN = {"tol_rel_obj": 1.0, "tol_rel_grad": 1.0, "tol_obj": 1e-12, "tol_grad": 1e-9, "tol_param": 1e-10}
"""cmdstan's relative tolerances are in units of machine precision; Prophet's defaults stop much earlier."""


def forecast(
    dates: Dates, y: Floats, future: Dates, settings: ProphetSettings, optimizer: dict[str, float] | None = None
) -> Floats:
    """Fit Prophet to each row of y (N, T; NaN where there is no observation) and forecast the future dates: (N, H).

    Args:
        dates, y, future, settings: as for `prophet_batch.forecast`.
        optimizer: further arguments to cmdstan's optimizer, for example TIGHT_STAN. LBFGS is forced: below 100 points
            Prophet would pick Newton, which takes six times as long.
    """
    import pandas as pd

    mean = np.full((y.shape[0], len(future)), np.nan)
    ahead = pd.DataFrame({"ds": pd.to_datetime(future.astype("datetime64[ns]"))})
    for row, values in enumerate(y):
        history = pd.DataFrame({"ds": pd.to_datetime(dates.astype("datetime64[ns]")), "y": values})
        model = prophet_class()(**asdict(settings), daily_seasonality=False, uncertainty_samples=0)
        with contextlib.redirect_stderr(io.StringIO()):
            model.fit(history, algorithm="LBFGS", seed=1, **(optimizer or {}))
        mean[row] = model.predict(ahead)["yhat"].to_numpy()
    return mean
