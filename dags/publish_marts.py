"""Write the published copy beside, check it against the warehouse, and swap it in.

Runs after the marts or the alerts are new, with the last good forecast. Skips when nothing has changed since the last publication.
How readers never see a half-written file: docs/explanation/publish.md. On failure: docs/runbooks/build-failed.md.
"""

from airflow.sdk import AssetAny, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from sellthrough import orchestration


@dag(**orchestration.defaults(__doc__), schedule=AssetAny(orchestration.MARTS, orchestration.ALERTS))
def publish_marts() -> None:
    @task(pool=orchestration.WAREHOUSE_WRITER, outlets=[orchestration.PUBLISHED])
    def publish(params: dict) -> dict:
        from sellthrough import publish

        publication = publish.publish(orchestration.settings(params), progress=orchestration.progress("publish"))
        if not publication.changed:
            raise AirflowSkipException("Nothing has changed since the last publication.")
        return publication.as_log()

    publish()


publish_marts()
