"""Fetch what is new from the profiles' sources, take in what has landed, feed by feed, then evaluate the expectations of the contracts.

Runs once a day after the senders' cut-off and maps over the feeds that have something to take in: masters first, then facts.
What is committed already is left alone, so any run may be repeated. **Backfill this one**: a backfill run of a day takes the feeds
that have an uncommitted file of that day. The asset `bronze` changes only when something was committed.

Data problems do not fail a run: refused files and records are counted and shown by `sellthrough status`. A source that cannot be read does:
`fetch` is tried again, what has landed is taken in all the same, and the run ends as failed.
On failure: docs/runbooks/build-failed.md.
"""

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from sellthrough import orchestration


@dag(**orchestration.defaults(__doc__), schedule=orchestration.ingest_schedule())
def ingest_feeds() -> None:
    @task
    def fetch(params: dict, dag_run=None) -> dict:
        import ingest

        home = orchestration.settings(params).home
        if str(dag_run.run_type) == "backfill" or not ingest.sourced(home):
            raise AirflowSkipException("No profile names a source, or this run takes in again what has landed.")
        report = ingest.fetch(home, resolve=orchestration.connection, progress=orchestration.progress("fetch"))
        counts = orchestration.tell(report)
        if report.failures:
            raise AirflowException("\n".join(report.failures))
        return counts

    @task(trigger_rule="one_failed")
    def report_unread_sources() -> None:
        raise AirflowFailException("A source could not be read; see the log of fetch.")

    @task(trigger_rule="none_failed")
    def list_landed(kind: str, params: dict, dag_run=None, data_interval_start=None) -> list[str]:
        from sellthrough import arrivals

        day = data_interval_start.date() if str(dag_run.run_type) == "backfill" else None
        return arrivals.waiting_feeds(orchestration.settings(params), day=day)[kind]

    def take_in(feed: str, params: dict) -> int:
        import ingest

        settings = orchestration.settings(params)
        options = {"as_of": settings.as_of, "data_dirs": [settings.real_data], "limits": settings.limits}
        report = ingest.run(settings.home, feed=feed, progress=orchestration.progress(feed), **options)
        orchestration.tell(report)
        return len(report.commits)

    @task(outlets=[orchestration.BRONZE], trigger_rule="none_failed")
    def evaluate_quality(commits: list, params: dict) -> dict:
        if not sum(orchestration.flat(commits)):
            raise AirflowSkipException("Nothing was committed.")
        from ingest import quality

        return orchestration.tell(quality.run(orchestration.settings(params).home))

    fetched = fetch()
    fetched >> report_unread_sources()
    taken = []
    for kind in ("masters", "facts"):
        first = {} if taken else {"trigger_rule": "all_done"}
        landed = list_landed.override(task_id=f"list_{kind}", **first)(kind)
        ingest_kind = task(take_in, task_id=f"ingest_{kind}", map_index_template="{{ task.op_kwargs['feed'] }}")
        (taken[-1] if taken else fetched) >> landed
        taken.append(ingest_kind.expand(feed=landed))
    evaluate_quality(taken)


ingest_feeds()
