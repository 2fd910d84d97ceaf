"""Why: Airflow reads the DAG file again and again, and every task reads it once more. How long a directory of a thousand resources keeps it:
`python -m benchmarks.dags --resources 1000`; one JSON line per measure, its bar beside. Each in a fresh process, Airflow's own imports apart.
"""

import argparse
import importlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.ground import measured, set_environment, stopwatch

BARS = {"dags.parse": {"seconds": 2.0}, "dags.own": {"seconds": 0.5}}


def write(path: Path, resources: int) -> None:
    """Write a snapshot of so many resources, in the shape `catalog.snapshot.write_snapshot` gives it."""
    lines: list[dict[str, Any]] = [
        {
            "id": f"department_{number % 40}.resource_{number}", "version": f"department_{number % 40}.resource_{number}@1",
            "name": f"资源{number}", "department": f"department_{number % 40}", "department_name": f"部门{number % 40}",
            "library": ("population", "legal_entity", "credit", "certificate", None)[number % 5], "connection": f"connection_{number % 40}",
            "schedule": "30 1 * * *", "retries": 3, "tags": [f"部门{number % 40}"], "mapped": 4 if number % 50 == 0 else None,
        }
        for number in range(resources)
    ]  # fmt: skip
    path.write_text(json.dumps({"version": 1, "digest": "", "resources": lines}, ensure_ascii=False), "utf-8")


def parse(bench: str, resources: int, own: str | None) -> None:
    """Read the DAG file as Airflow does: all DAGs, or as a task does, its own."""
    if own:
        os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = own
    with stopwatch("dags.airflow_imports", 0) as line:
        line["of"] = bench
        from airflow.sdk import DAG, Asset, get_parsing_context, task
        from airflow.sdk.definitions._internal.contextmanager import DagContext

        assert all((DAG, Asset, get_parsing_context, task))
    DagContext.current_autoregister_module_name = "dags.collect"  # so that DAGs are kept and counted, as by Airflow
    with stopwatch(bench, resources, bar=BARS[bench]) as line:
        begun = time.process_time()
        importlib.import_module("dags.collect")
        line["cpu_seconds"] = round(time.process_time() - begun, 3)  # what remains when others use the machine too
        line["dags"] = len(DagContext.autoregistered_dags)
    if line["dags"] != (1 if own else resources):
        raise SystemExit(f"{bench}: {line['dags']} DAGs came of {resources} resources")


def main() -> None:
    """Measure the file's parsing, and that of one task."""
    parser = argparse.ArgumentParser(description="How long Airflow needs to read the DAGs of a directory.")
    parser.add_argument("--resources", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hutong-bench-") as folder:
        snapshot = Path(folder) / "snapshot.json"
        write(snapshot, asked.resources)
        set_environment(HUTONG_SNAPSHOT=str(snapshot), HUTONG_ROOT=folder, AIRFLOW_HOME=folder)
        measured(parse, "dags.parse", asked.resources, None)
        measured(parse, "dags.own", asked.resources, f"department_{17 % 40}.resource_17")


if __name__ == "__main__":
    main()
