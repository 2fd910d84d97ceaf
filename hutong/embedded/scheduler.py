"""Why: LocalExecutor forks every task from the scheduler. What the scheduler has imported, a task need not: Great Expectations alone costs 3–4 s a task.
Run by the supervisor as `python -m hutong.embedded.scheduler` in place of `airflow scheduler`; behaves the same otherwise.
"""

import logging
import sys
from importlib import import_module


def preload() -> None:
    """Import the rooms that tasks use; `libraries.checking.preload` opens its own heavy door. A failure is a task's to report."""
    try:
        import_module("libraries.ingest")
        import_module("libraries.checking").preload()
    except Exception:
        logging.getLogger(__name__).exception("preloading failed; tasks will import for themselves")


def main() -> None:
    """Preload, then be Airflow's scheduler until it is stopped."""
    preload()
    from airflow.__main__ import main as airflow

    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    airflow()  # type: ignore[no-untyped-call]  # Airflow gives its entry no types


if __name__ == "__main__":
    main()
