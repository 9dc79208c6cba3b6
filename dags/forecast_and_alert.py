"""Forecast weekly demand from the panel, then build and test what is downstream of the forecast, alerts among it.

Runs whenever the marts are new. A failed forecast holds nothing else back: publish_marts runs on the marts as well and shows the last
good forecast, dated. On failure: docs/runbooks/build-failed.md.
"""

from airflow.sdk import dag, task

from sellthrough import orchestration


@dag(**orchestration.defaults(__doc__), schedule=[orchestration.MARTS])
def forecast_and_alert() -> None:
    @task
    def forecast(params: dict) -> dict:
        from sellthrough import pipeline

        settings = orchestration.settings(params)
        return pipeline.forecast(settings, progress=orchestration.progress("forecast"))

    @task(pool=orchestration.WAREHOUSE_WRITER, outlets=[orchestration.ALERTS])
    def alert(params: dict) -> dict:
        from sellthrough import warehouse

        return warehouse.alert(orchestration.settings(params), progress=orchestration.progress("alert")).as_log()

    forecast() >> alert()


forecast_and_alert()
