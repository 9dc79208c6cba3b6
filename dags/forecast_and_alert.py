"""Forecast weekly demand from the panel, then build and test what is downstream of the forecast, alerts among it.

Runs whenever the marts are new. The series are dealt out to some tens of groups, one mapped task each; a group that failed is tried again
alone. With nothing new there are no groups. A failed forecast holds nothing else back: publish_marts runs on the marts as well and shows
the last good forecast, dated. On failure: docs/runbooks/build-failed.md.
"""

from airflow.sdk import dag, task

from sellthrough import orchestration


@dag(**orchestration.defaults(__doc__), schedule=[orchestration.MARTS])
def forecast_and_alert() -> None:
    @task(multiple_outputs=False)
    def prepare(params: dict) -> dict:
        from sellthrough import pipeline

        return pipeline.prepare_forecast(orchestration.settings(params), progress=orchestration.progress("prepare"))

    @task
    def list_groups(prepared: dict) -> list[int]:
        return prepared["groups"]

    @task
    def forecast(group: int, prepared: dict, params: dict) -> int:
        import forecasting

        return forecasting.forecast_group(orchestration.settings(params).forecast, prepared["run"], group)

    @task(trigger_rule="none_failed")
    def collect(prepared: dict, params: dict) -> dict:
        from sellthrough import pipeline

        settings = orchestration.settings(params)
        progress = orchestration.progress("collect")
        return pipeline.collect_forecast(settings, prepared["run"], prepared["panel"], progress=progress)

    @task(pool=orchestration.WAREHOUSE_WRITER, outlets=[orchestration.ALERTS])
    def alert(params: dict) -> dict:
        from sellthrough import warehouse

        return warehouse.alert(orchestration.settings(params), progress=orchestration.progress("alert")).as_log()

    prepared = prepare()
    forecasts = forecast.partial(prepared=prepared).expand(group=list_groups(prepared))
    forecasts >> collect(prepared) >> alert()


forecast_and_alert()
