"""Why: the merge is set-based SQL whose columns follow from the library's definition. Statements are written as SQL with {placeholders} for those
columns; here the placeholders get their words. `claims`, `golden`, `history`, `conflicts` and `merging` call it; identifiers come only from
`schemas/libraries/*.yml`, values always travel as parameters.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from schemas.errors import HutongError, Terminal, Transient
from schemas.library import Library, library

CLAIM_COLUMNS = ("source", "row_hash", "version", "batch", "asserted_at", "effective_from", "recorded_at")
# SQLSTATE classes that pass by: connection, conflict with another transaction, room, lock, shutdown, the server's own disk
_PASSING = ("08", "40", "53", "55", "57", "58")


@cache
def words(name: str) -> dict[str, str]:
    """Return the placeholders that every statement of one library may use."""
    spec = library(name)
    body = body_columns(spec)
    return {
        "claims": f"library.{name}_claims",
        "past_claims": f"library.{name}_past_claims",
        "golden": f"library.{name}",
        "history": f"library.{name}_history",
        "key": spec.key,
        "record": ", ".join(record_columns(spec)),
        "body": ", ".join(body),
        "claim": ", ".join((*record_columns(spec), *CLAIM_COLUMNS)),
        "set_body": ", ".join(f"{column} = i.{column}" for column in body),
        "i_record": ", ".join(f"i.{column}" for column in record_columns(spec)),
        "g_body": ", ".join(f"g.{column}" for column in body),
        "i_body": ", ".join(f"i.{column}" for column in body),
    }


def body_columns(spec: Library) -> tuple[str, ...]:
    """Return the columns beside the key: a register's subject, then the attributes."""
    return (*(() if spec.key == "subject" else ("subject",)), *spec.attribute_ids)


def record_columns(spec: Library) -> tuple[str, ...]:
    """Return the key and the columns beside it, in table order."""
    return (spec.key, *body_columns(spec))


def run(session: Session, statement: str, words: Mapping[str, str], **values: Any) -> CursorResult[Any]:
    """Run one statement with its words put in and its values as parameters. Raises as `failure` says."""
    try:
        result = session.execute(text(statement.format_map(words)), values)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise  # the transaction's own door names it
        raise failure(words["golden"], getattr(error.orig, "sqlstate", None)) from None
    assert isinstance(result, CursorResult)
    return result


def failure(table: str, state: str | None) -> HutongError:
    """Return what a SQLSTATE (PostgreSQL, appendix A) means for a merge: Transient `merge.interrupted` when it passes by, else Terminal `merge.refused`.

    The server's own words would quote the row, so they go no further.
    """
    if state is None or state.startswith(_PASSING):
        return Transient("merge.interrupted", table=table, state=state)
    return Terminal("merge.refused", table=table, state=state)
