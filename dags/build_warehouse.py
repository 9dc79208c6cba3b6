"""Build core and marts from what has been committed to bronze, test them, and write the demand panel.

Runs whenever bronze gains a commit. One dbt process holds the warehouse; nobody reads it meanwhile (see docs/explanation/publish.md).
On failure: docs/runbooks/build-failed.md.
"""

from airflow.sdk import dag, task

from sellthrough import orchestration


@dag(**orchestration.defaults(__doc__), schedule=[orchestration.BRONZE])
def build_warehouse() -> None:
    @task(pool=orchestration.WAREHOUSE_WRITER, outlets=[orchestration.MARTS])
    def build(params: dict) -> dict:
        from sellthrough import warehouse

        return warehouse.build(orchestration.settings(params), progress=orchestration.progress("build")).as_log()

    build()


build_warehouse()
