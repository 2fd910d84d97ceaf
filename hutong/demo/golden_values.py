"""Why: whether any wrong value reached a golden record is asked of all records and attributes at once, against the truth the generator wrote down.

Only hutong/demo/compare.py comes here.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pandas as pd
from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from schemas.library import library
from schemas.tables.library import golden_table


@dataclass(frozen=True)
class Golden:
    """One library against the truth: records compared, values that differ (by attribute), records missing and too many."""

    records: int
    wrong_values: int
    missing: int
    surplus: int
    attributes: dict[str, int] = field(default_factory=dict)


def compare_golden(session: Session, name: str, truth: Path) -> Golden:
    """Compare every golden record of a library with the truth."""
    spec, table = library(name), golden_table(name)
    columns = [spec.key, *(["subject"] if spec.kind == "register" else []), *spec.attribute_ids]
    rows = session.execute(select(*(cast(table.c[column], Text) for column in columns))).all()
    found = pd.DataFrame(rows, columns=columns, dtype=object).set_index(spec.key)
    wanted = pd.read_parquet(truth).set_index(spec.key).astype(object)
    both = found.index.intersection(wanted.index)
    numbers = {attribute.id for attribute in spec.attributes if attribute.type == "number"}
    wrong = {}
    for column in columns[1:]:
        left, right = (_comparable(frame.loc[both, column], column in numbers) for frame in (found, wanted))
        if differing := int((left != right).sum()):
            wrong[column] = differing
    return Golden(
        len(found),
        sum(wrong.values()),
        len(wanted.index.difference(found.index)),
        len(found.index.difference(wanted.index)),
        wrong,
    )


def _comparable(values: pd.Series, is_number: bool) -> pd.Series:
    """Return values that are equal when they mean the same: missing is empty, numbers lose their trailing zeros."""
    texts = values.astype(object).where(values.notna(), "")
    return texts.map(lambda text: str(Decimal(text).normalize()) if text else "") if is_number else texts
