"""A worker of the exchange API is several processes on every machine: what only other parts need is not loaded by it."""

import subprocess
import sys

HEAVY = ("airflow", "duckdb", "great_expectations", "pandas", "pyhanko", "pypinyin", "rdflib", "splink")


def test_a_worker_loads_nothing_that_only_others_need() -> None:
    program = (
        f"import sys, exchange_api.app; exchange_api.app.create_app(); print([m for m in {HEAVY} if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout.strip() == "[]"
