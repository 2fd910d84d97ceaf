"""Why: a delivery reaches the hub only through a real source system. Each function writes one delivery the way that department keeps it.

Called by hutong/demo/sources.py. Column names are those the resource's binding maps; whatever it ignores is written too.
"""

import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd

from hutong.demo.delivery import Delivery


def columns(delivery: Delivery) -> pd.DataFrame:
    """Return what is sent under the source's own column names, with the columns the binding ignores."""
    source = delivery.document.source
    assert source is not None
    frame = pd.DataFrame({name: delivery.sent[item] for name, item in source.mapping.items()})
    for place, name in enumerate(source.ignore):
        frame.insert(place, name, pd.Series([str(number) for number in range(1, len(frame) + 1)], dtype=object))
    return frame


def write_sqlite(delivery: Delivery, path: Path, table: str) -> None:
    """Write a SQLite file of one table, every column text, as exported by an old system."""
    frame = columns(delivery)
    path.unlink(missing_ok=True)
    names = ", ".join(f'"{name}" TEXT' for name in frame.columns)
    holes = ", ".join("?" for _ in frame.columns)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f'CREATE TABLE "{table}" ({names})')
        database.executemany(f'INSERT INTO "{table}" VALUES ({holes})', _rows(frame))  # noqa: S608 — the name is our own
    path.chmod(0o644)


def write_csv(frame: pd.DataFrame, path: Path, encoding: str) -> None:
    """Write a CSV file with Windows line ends, as spreadsheet programs do."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(frame.columns)
        writer.writerows(_rows(frame))


def write_lines(frame: pd.DataFrame, path: Path) -> None:
    """Write one JSON object per line: what a REST service of the demonstration serves."""
    names = list(frame.columns)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in _rows(frame)
        )


def _rows(frame: pd.DataFrame) -> Iterator[tuple[str | None, ...]]:
    return frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
