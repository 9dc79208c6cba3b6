"""The one place that imports Prophet: late, because it costs most of a second, and without the notes that it logs on
the way.
"""

import logging
from typing import Any


def prophet_class() -> Any:
    """`prophet.Prophet`, with its own and cmdstanpy's loggers turned off."""
    import cmdstanpy

    cmdstanpy.utils.get_logger().setLevel(logging.CRITICAL)
    for name in ("cmdstanpy", "prophet", "prophet.plot", "prophet.models"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    from prophet import Prophet

    return Prophet
