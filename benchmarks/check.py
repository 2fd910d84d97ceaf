"""Why: how fast a landed batch is checked, row keys of every failure kept, beside what others take for twenty plain rules on the same rows in the same run:
`python -m benchmarks.check --rows 1000000 [--peers]`; one JSON line per measure, the bar beside ours.

`check.asked` is what the peers do, our way; `check` is the whole step: files read and held against their digests, values normalised, rules asked (check
digits included, which no peer has), Great Expectations' verdict and page, good rows written, bad rows to quarantine. The peers only ask: plain Great
Expectations, pandera, and by hand as the limit.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.ground import measured, own_server, set_environment, stopwatch
from benchmarks.ingest import RESOURCE, stand_up
from benchmarks.population import COLUMNS, population

LONGEST = {"name": 50, "address": 200, "phone": 20}
CODES = {
    "sex": ["1", "2"], "ethnic_group": ["01", "02", "03"], "residence_status": ["01", "02"], "marital_status": ["10", "20", "40"],
}  # fmt: skip
FORMS = {"phone": r"^1[0-9]{10}$", "citizen_id": r"^[0-9]{17}[0-9X]$"}
RULES = len(COLUMNS) + len(LONGEST) + len(CODES) + len(FORMS) + 1  # and the key is unique


def spoiled(rows: int) -> pa.Table:
    """Return residents of whom one in a hundred has no telephone number worth the name."""
    table = population(rows)
    phones = table["phone"].to_numpy(zero_copy_only=False).astype("U11")
    phones[np.arange(rows) % 100 == 0] = "none"
    return table.set_column(table.column_names.index("phone"), "phone", pa.array(phones))


def fill(uri: str, rows: int) -> None:
    """Put the residents into the source's table."""
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("residents", spoiled(rows), mode="create")
        cursor.execute("ALTER TABLE residents ADD PRIMARY KEY (citizen_id)")


def land() -> str:
    """Land the batch, off the clock."""
    from libraries import ingest

    batch_id = ingest.plan(RESOURCE, "check")
    ingest.land(batch_id)
    return batch_id


def check(batch_id: str, rows: int) -> None:
    """Measure our step, what a process imports once apart."""
    from libraries import checking, ingest
    from schemas.database import transaction
    from schemas.tables.landing import Batch

    checking.preload()
    asked(batch_id, rows)
    bar = {"seconds": round(rows / 700_000, 2)}
    with stopwatch("check", rows, bar=bar) as line:
        ingest.check(batch_id)
        with transaction("reader") as session:
            line["failed"] = session.get_one(Batch, batch_id).rows_quarantined


def asked(batch_id: str, rows: int) -> None:
    """Measure what the peers do, in our way: read, normalise, ask every rule, let Great Expectations judge; nothing goes to the database."""
    from libraries import batches, checking, verdicts
    from libraries.judging import screening
    from schemas.database import transaction

    with transaction("reader") as session:
        task = batches.get(session, batch_id)
    look = verdicts.look_of(task)
    with stopwatch("check.asked", rows, bar={"seconds": round(rows / 700_000, 2)}) as line:
        screened = screening.screen(look)
        verdict = checking.judge(batch_id, look.rules, screened.bits, screened.repeated)
        line["failed"] = int(verdict.bad(screened.rows).sum())


def great_expectations(rows: int) -> None:
    """Measure plain Great Expectations on pandas, failing rows complete."""
    set_environment(GX_ANALYTICS_ENABLED="false")
    import great_expectations as gx

    frame = spoiled(rows).to_pandas()
    expect: Any = gx.expectations
    asked: list[Any] = [expect.ExpectColumnValuesToNotBeNull(column=c) for c in COLUMNS]
    asked += [expect.ExpectColumnValueLengthsToBeBetween(column=c, max_value=most) for c, most in LONGEST.items()]
    asked += [expect.ExpectColumnValuesToBeInSet(column=c, value_set=known) for c, known in CODES.items()]
    asked += [expect.ExpectColumnValuesToMatchRegex(column=c, regex=form) for c, form in FORMS.items()]
    asked += [expect.ExpectColumnValuesToBeUnique(column="citizen_id")]
    context = gx.get_context(mode="ephemeral")
    suite = gx.ExpectationSuite("residents", expectations=asked)
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("residents")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    with stopwatch("check", rows, "great_expectations") as line:
        report = batch.validate(suite, result_format={"result_format": "COMPLETE"})
        line["failed"] = len({n for r in report.results for n in r.result.get("unexpected_index_list") or ()})


def pandera(rows: int) -> None:
    """Measure pandera on pandas, every failure collected."""
    import pandera.pandas as pandera

    frame, ask = spoiled(rows).to_pandas(), pandera.Check
    checks: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for name, most in LONGEST.items():
        checks[name].append(ask.str_length(max_value=most))
    for name, known in CODES.items():
        checks[name].append(ask.isin(known))
    for name, form in FORMS.items():
        checks[name].append(ask.str_matches(form))
    columns = {c: pandera.Column(checks=checks[c], nullable=False, unique=c == "citizen_id") for c in COLUMNS}
    with stopwatch("check", rows, "pandera") as line:
        try:
            pandera.DataFrameSchema(columns).validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as error:
            line["failed"] = int(error.failure_cases["index"].nunique())


def by_hand(rows: int) -> None:
    """Measure the limit: the same rules written out over Arrow, row numbers kept."""
    import pyarrow.compute as pc

    table = spoiled(rows)
    with stopwatch("check", rows, "by hand") as line:
        bad = [pc.is_null(table[c]) for c in COLUMNS]
        bad += [pc.greater(pc.utf8_length(table[c]), most) for c, most in LONGEST.items()]
        bad += [pc.invert(pc.is_in(table[c], pa.array(known))) for c, known in CODES.items()]
        bad += [pc.invert(pc.match_substring_regex(table[c], form)) for c, form in FORMS.items()]
        keys = table["citizen_id"].combine_chunks().dictionary_encode().indices.to_numpy()
        repeated = np.bincount(keys, minlength=rows)[keys] > 1
        failing = [np.flatnonzero(column.to_numpy()) for column in bad] + [np.flatnonzero(repeated)]
        line["failed"] = len(np.unique(np.concatenate(failing)))


def main() -> None:
    """Measure ours, and the peers in processes of their own."""
    parser = argparse.ArgumentParser(description="Twenty rules over a batch, rows per second.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    with own_server() as (folder, uri):
        ours(folder, uri, options.rows)
    peers: tuple[Callable[[int], None], ...] = (great_expectations, pandera, by_hand)
    for peer in peers if options.peers else ():
        measured(peer, options.rows)


def ours(folder: Path, uri: str, rows: int) -> None:
    """Fill a source, land it, and measure the check."""
    source = stand_up(folder, uri)
    measured(fill, source, rows)
    measured(check, measured(land), rows)


if __name__ == "__main__":
    main()
