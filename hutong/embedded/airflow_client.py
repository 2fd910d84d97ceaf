"""Why: the demonstration and the tests trigger runs in the real scheduler and follow them, through Airflow's public REST API (v2) with a token, as any
other program would. Called by hutong/demo and tests; nothing on the data path needs it.
"""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import Field

from hutong.embedded.home import CODE, find_home, read_secrets
from schemas.errors import Terminal, Transient
from schemas.settings import HutongSettings

ENDED = frozenset({"success", "failed"})
PAGE = 500


class AirflowSettings(HutongSettings):
    """How to reach Airflow's API."""

    airflow_url: str = Field(
        default="http://127.0.0.1:8080", description="Airflow's pages and API; set by `hutong up`."
    )
    airflow_user: str = Field(default="admin", description="Login of Airflow's API.")
    airflow_password: str | None = Field(
        default=None, description="Its password; default: the one `hutong up` made (var/state/secrets.json)."
    )


@dataclass(frozen=True)
class Run:
    """One DAG run as Airflow sees it now."""

    dag_id: str
    run_id: str
    state: str

    @property
    def has_ended(self) -> bool:
        """Whether it will not change any more by itself."""
        return self.state in ENDED


class AirflowClient:
    """A signed-in session with one Airflow. Every call raises Transient `airflow.unreachable` or Terminal `airflow.refused`."""

    def __init__(self, settings: AirflowSettings | None = None) -> None:
        settings = settings or AirflowSettings()
        self.address = settings.airflow_url.rstrip("/")
        self.session = requests.Session()
        self.session.trust_env = False  # loopback, never through a proxy
        password = settings.airflow_password or read_secrets(find_home())["airflow_admin"]
        token = self._call("POST", "/auth/token", {"username": settings.airflow_user, "password": password})[
            "access_token"
        ]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def list_dags(self) -> list[str]:
        """Return the ids of the DAGs Airflow knows and has not set aside."""
        found: list[str] = []
        while True:
            page = self._call("GET", f"/api/v2/dags?limit={PAGE}&offset={len(found)}")
            found += [dag["dag_id"] for dag in page["dags"]]
            if len(found) >= page["total_entries"] or not page["dags"]:
                return found

    def list_import_errors(self) -> list[str]:
        """Return what Airflow could not parse, one message per file."""
        return [
            f"{error['filename']}: {error['stack_trace']}"
            for error in self._call("GET", "/api/v2/importErrors")["import_errors"]
        ]

    def wait_for_dags(self, dag_ids: Iterable[str], timeout: float = 60) -> None:
        """Wait until Airflow knows all `dag_ids`, asking it to read the DAG files now. Raises Terminal `airflow.dag_missing`."""
        wanted, until = set(dag_ids), time.monotonic() + timeout
        refresh()
        while missing := wanted - set(self.list_dags()):
            if time.monotonic() > until:
                raise Terminal("airflow.dag_missing", seconds=round(timeout), dags=", ".join(sorted(missing)[:10]))
            time.sleep(0.5)

    def trigger(self, dag_ids: Iterable[str], conf: dict[str, Any] | None = None) -> str:
        """Start a run of each DAG, all under one new run id, and return that id."""
        run_id = f"hutong__{uuid.uuid4().hex}"
        for dag_id in dag_ids:
            self._call(
                "POST",
                f"/api/v2/dags/{dag_id}/dagRuns",
                {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}},
            )
        return run_id

    def list_runs(self, run_id: str, dag_ids: list[str]) -> list[Run]:
        """Return the runs named `run_id` of these DAGs."""
        runs: list[Run] = []
        for start in range(0, len(dag_ids), PAGE):
            body = {"dag_ids": dag_ids[start : start + PAGE], "page_limit": PAGE, "order_by": "-id"}
            found = self._call("POST", "/api/v2/dags/~/dagRuns/list", body)["dag_runs"]
            runs += [
                Run(run["dag_id"], run["dag_run_id"], run["state"]) for run in found if run["dag_run_id"] == run_id
            ]
        return runs

    def follow(self, run_id: str, dag_ids: Iterable[str], timeout: float = 600) -> Iterator[list[Run]]:
        """Yield the runs whenever a state changes, until all have ended. Raises Transient `airflow.slow` after `timeout` seconds."""
        wanted, until, before = list(dag_ids), time.monotonic() + timeout, None
        while True:
            runs = sorted(self.list_runs(run_id, wanted), key=lambda run: run.dag_id)
            if runs != before:
                before = runs
                yield runs
            if len(runs) == len(wanted) and all(run.has_ended for run in runs):
                return
            if time.monotonic() > until:
                raise Transient(
                    "airflow.slow", count=len(wanted) - sum(run.has_ended for run in runs), seconds=round(timeout)
                )
            time.sleep(0.5)

    def run(
        self, dag_ids: Iterable[str], listener: Callable[[list[Run]], None] = lambda _: None, timeout: float = 600
    ) -> dict[str, str]:
        """Trigger these DAGs once, tell `listener` every change, and return the final state per DAG id (`success` or `failed`)."""
        wanted = list(dag_ids)
        self.wait_for_dags(wanted)
        last: list[Run] = []
        for last in self.follow(self.trigger(wanted), wanted, timeout):
            listener(last)
        return {run.dag_id: run.state for run in last}

    def read_tasks(self, run: Run) -> dict[str, str]:
        """Return the state of each task of a run, by task id."""
        found = self._call("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def read_log(self, run: Run, task_id: str, attempt: int = 1) -> str:
        """Return the log of one attempt at a task as text, errors with their causes."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/logs/{attempt}"
        content = self._call("GET", path)["content"]
        return "\n".join(_render(line) for line in content)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self.session.request(method, self.address + path, json=body, timeout=60)
        except requests.RequestException as error:
            raise Transient("airflow.unreachable", address=self.address) from error
        if not answer.ok:
            raise Terminal(
                "airflow.refused",
                request=f"{method} {path.partition('?')[0]}",
                status=answer.status_code,
                detail=answer.text[:300],
            )
        return answer.json()


def _render(line: Any) -> str:
    if not isinstance(line, dict):
        return str(line)
    causes = [f"  {cause.get('exc_type')}: {cause.get('exc_value')}" for cause in line.get("error_detail") or []]
    return "\n".join([str(line.get("event", line)), *causes])


def refresh() -> None:
    """Ask Airflow to read the DAG files now: it looks at their time of change every second, at the rest only now and then."""
    for folder in (find_home().root / "dags", CODE / "dags"):
        for file in folder.glob("*.py"):
            try:
                file.touch()
            except PermissionError:
                return  # a read-only installation: the DAG files are read again after min_file_process_interval
        if folder.exists():
            return
