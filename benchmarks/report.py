"""Why: a figure without its machine, commit and day proves nothing. Runs the benchmarks and writes docs/benchmarks.md, one section each:
`python -m benchmarks.report [ONLY …] [--rows 1000000]`, called by `make bench`. A section not measured this time stays as it was, with its own day.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench` (`make bench ONLY=dags` for one part); every section says when, on what and from which commit it was measured.
A figure taken while others used the machine says so by its load: figures of different sections compare only when their loads do.
"""
RUNS: dict[str, tuple[str, ...]] = {
    "ingest": ("--rows", "{rows}", "--peer", "dlt", "--peer", "copy"),
    "libraries": ("--rows", "{rows}"),
    "check": ("--rows", "{rows}", "--peers"),
    "dags": ("--resources", "1000"),
    "query": ("--rows", "{rows}"),
    "evidence": ("--entries", "{rows}"),
    "export": ("--rows", "{rows}"),
    "directory": (),
    "portal": (),
    "matching": (),
}
_FIRST = ("bench", "peer", "rows", "rows_per_s", "seconds", "peak_rss_mb", "is_met")
_NOT_SHOWN = ("bar", "least")


def run(name: str, rows: int) -> list[dict[str, Any]]:
    """Run one benchmark, its lines shown as they come, and return them. Raises SystemExit when it fails."""
    arguments = [argument.format(rows=rows) for argument in RUNS[name]]
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for text in process.stdout or ():
            print(text, end="", flush=True)
            if text.startswith("{"):
                lines.append(json.loads(text))
    if process.returncode or not lines:
        raise SystemExit(f"benchmarks.{name} failed ({process.returncode}); docs/benchmarks.md keeps its last figures")
    return lines


def section(name: str, rows: int, lines: list[dict[str, Any]], load: float) -> str:
    """Return one section: the facts of the run, then its lines as a table."""
    command = " ".join(("python -m benchmarks." + name, *(a.format(rows=rows) for a in RUNS[name])))
    bars = {line["bench"]: line["bar"] for line in lines if line.get("bar")}
    columns = [*_FIRST, *dict.fromkeys(key for line in lines for key in line if key not in (*_FIRST, *_NOT_SHOWN))]
    columns = [column for column in columns if any(line.get(column) is not None for line in lines)]
    table = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    table += [f"| {' | '.join(_shown(line.get(column)) for column in columns)} |" for line in lines]
    told = [f"Bar of {bench}: {', '.join(f'{k} ≤ {v}' for k, v in bar.items())}." for bench, bar in bars.items()]
    floors = {line["bench"]: line["least"] for line in lines if line.get("least")}
    told += [f"Bar of {bench}: {', '.join(f'{k} ≥ {v}' for k, v in floor.items())}." for bench, floor in floors.items()]
    return "\n".join([f"## {name}", "", f"`{command}` — {_facts(load)}", "", *table, "", *told, ""])


def write(sections: dict[str, str]) -> None:
    """Put sections into the page; others stay."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else ""
    kept = {found.group(1): found.group(0) for found in re.finditer(r"^## (\w+)\n.*?(?=^## |\Z)", text, re.M | re.S)}
    kept |= sections
    PAGE.write_text("\n".join([HEAD, *(kept[name].rstrip() + "\n" for name in RUNS if name in kept)]), "utf-8")


def _facts(load: float) -> str:
    memory = psutil.virtual_memory().total / 2**30
    python, day = platform.python_version(), datetime.now(UTC).date().isoformat()
    return f"{day}, commit {_commit()}, {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, Python {python}, load before {load:.1f}"


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(("git", *arguments), cwd=PAGE.parent, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if git("status", "--short") else "")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    """Run what was asked for and write the page after each."""
    there = [name for name in RUNS if importlib.util.find_spec(f"benchmarks.{name}")]
    parser = argparse.ArgumentParser(description="Run benchmarks and write docs/benchmarks.md.")
    parser.add_argument("only", nargs="*", help="which; without: all")
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    if unknown := set(asked.only) - set(there):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(there)}")
    for name in asked.only or there:
        load = os.getloadavg()[0]
        write({name: section(name, asked.rows, run(name, asked.rows), load)})


if __name__ == "__main__":
    main()
