"""Why: some rules need a question that only SQL asks well, and a steward's question must never be able to do harm. A rule in SQL is one SELECT over the
checked batch and the base libraries that returns the keys of the rows that fail; it runs in a read-only transaction as `hutong_reader`, within a time and
a number of rows, and anything it may not say is refused by name before it runs.

The batch is the temporary table `batch`: `key` (the parts joined with "/") and the rule's own items in their types, a dot in an item's id written as _.
Called by `libraries.verdicts` (`failing_keys`) and `steward_rules` (`require_harmless`).
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import pyarrow as pa
from pydantic import Field
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalog.rules import Rule
from libraries import landing, wire
from libraries.frames import Frame
from libraries.judging.screening import Look
from schemas import yaml_data
from schemas.database import transaction
from schemas.errors import Invalid, Terminal
from schemas.settings import HutongSettings

_TOKEN = re.compile(r"\s+|'(?:[^']|'')*'|[A-Za-z_\u0080-\uffff][\w]*|\d+(?:\.\d+)?|::|[<>=!~|+*/%^-]+|[(),.\[\]]")
_WORD = re.compile(r"[A-Za-z_\u0080-\uffff]")
_TYPES = {"date": "date", "decimal": "numeric", "text": "text"}


@cache
def words(kind: str) -> frozenset[str]:
    """Return one list of libraries/judging/sql_words.yml: opening, functions or forbidden."""
    text = files("libraries.judging").joinpath("sql_words.yml").read_text("utf-8")
    return frozenset(yaml_data.parse(text)[kind].split())


class SqlRuleSettings(HutongSettings):
    """What a rule in SQL may cost."""

    sql_rule_seconds: int = Field(default=30, ge=1, description="Longest a rule in SQL may run, seconds.")
    sql_rule_rows: int = Field(default=100_000, ge=1, description="Most failing keys a rule in SQL may return.")


def require_harmless(sql: str) -> str:
    """Return the statement without its last semicolon when it is one SELECT of known words. Raises Invalid `quality.sql_refused` naming what is not."""
    text = sql.strip().removesuffix(";").strip()
    tokens = list(_tokens(text))
    lowered = [token.lower() for token in tokens]
    if not lowered or lowered[0] not in ("select", "with"):
        raise _refused(lowered[0] if lowered else "", "it must begin with SELECT or WITH")
    depth = 0
    for place, word in enumerate(lowered):
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth < 0:
            raise _refused(")", "a parenthesis is closed that none opened")
        if word in words("forbidden"):
            raise _refused(tokens[place], "a rule only reads")
        before = lowered[place - 1] if place else ""
        if word == "(" and _WORD.match(before) and before not in words("opening") | words("functions"):
            raise _refused(tokens[place - 1], "not one of the functions that a rule may call")
    if depth:
        raise _refused("(", "a parenthesis is never closed")
    return text


def failing_keys(look: Look, rules: Sequence[Rule]) -> dict[str, pa.Array]:
    """Return rule id → keys of the rows that break it. Raises Terminal `quality.bad_rule`: refused, failed, too slow or more failing keys than allowed."""
    asked = {rule.id: _harmless(look, rule) for rule in rules if rule.kind == "sql"}
    found = {}
    for rule in rules:
        if rule.kind == "sql":
            try:
                with transaction("reader") as session:
                    found[rule.id] = _ask(session, look, rule, asked[rule.id])
            except DBAPIError as error:
                raise _bad(look, rule, str(error.orig).strip().splitlines()[0]) from error
    return found


def _harmless(look: Look, rule: Rule) -> str:
    try:
        return require_harmless(str(rule.options.get("sql", "")))
    except Invalid as error:
        raise _bad(look, rule, error.title("en")) from error


def _ask(session: Session, look: Look, rule: Rule, sql: str) -> pa.Array:
    settings, connection = SqlRuleSettings(), session.connection()
    _fill(connection, look, rule)
    for statement in (
        "SET LOCAL search_path = pg_temp", "SET LOCAL standard_conforming_strings = on", "SET LOCAL lock_timeout = '2s'",
        f"SET LOCAL statement_timeout = '{settings.sql_rule_seconds}s'", "SET TRANSACTION READ ONLY",
    ):  # fmt: skip
        _run(connection, statement)
    asked = f"SELECT DISTINCT found.key::text FROM (\n{sql}\n) AS found(key) WHERE found.key IS NOT NULL"  # noqa: S608 — harmless, see `require_harmless`
    _require_libraries_only(look, rule, _run(connection, f"EXPLAIN (VERBOSE, FORMAT JSON) {asked}").scalar_one())
    keys = _run(connection, f"{asked} LIMIT {settings.sql_rule_rows + 1}").scalars().all()
    if len(keys) > settings.sql_rule_rows:
        raise _bad(look, rule, f"more than {settings.sql_rule_rows} keys fail")
    return pa.array(keys, pa.string())


def _fill(connection: Connection, look: Look, rule: Rule) -> None:
    schema = _batch(Frame(pa.table({landing.ROW: pa.array([], pa.int64())}), look.document, look.today), rule).schema
    columns = ", ".join(f'"{field.name}" {_type(field.type)}' for field in schema)
    _run(connection, f"CREATE TEMPORARY TABLE batch ({columns}) ON COMMIT DROP")
    driver: Any = connection.connection.driver_connection
    for path, group in landing.groups_of(look.folder, "landed"):
        rows = _batch(Frame(landing.read_group(look.folder, path, group), look.document, look.today), rule)
        with driver.cursor() as cursor, cursor.copy("COPY pg_temp.batch FROM STDIN (FORMAT binary)") as copy:
            for part in (wire.HEAD, wire.encode(rows), wire.TAIL):
                copy.write(part)
    _run(connection, "ANALYZE pg_temp.batch")


def _batch(frame: Frame, rule: Rule) -> pa.RecordBatch:
    names = ["key", *(item.replace(".", "_") for item in rule.items)]
    return pa.record_batch([frame.key(), *(frame.typed(item) for item in rule.items)], names=names)


def _type(kind: pa.DataType) -> str:
    if pa.types.is_date(kind):
        return _TYPES["date"]
    return _TYPES["decimal" if pa.types.is_decimal(kind) else "text"]


def _require_libraries_only(look: Look, rule: Rule, plan: Any) -> None:
    """Refuse a plan that reads anything but the batch and the base libraries."""
    for node in _nodes(plan):
        schema = node.get("Schema")
        if "Relation Name" in node and schema != "library" and not str(schema).startswith("pg_temp"):
            raise _bad(look, rule, f"it reads {schema}.{node['Relation Name']}; a rule may read batch and library.*")


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, list):
        for part in plan:
            yield from _nodes(part)
    elif isinstance(plan, dict):
        yield plan
        for part in plan.values():
            yield from _nodes(part)


def _run(connection: Connection, statement: str) -> Any:
    """Run a statement as it is written: % and : are its own."""
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _tokens(text: str) -> Iterator[str]:
    place, before = 0, ""
    while place < len(text):
        found = _TOKEN.match(text, place)
        token = found.group() if found else text[place]
        is_remark = token[0] != "'" and ("--" in token or "/*" in token)
        is_escape = token[0] == "'" and _WORD.match(before[-1:] or " ")  # E'…', U&'…': other rules hold inside
        if found is None or is_remark or is_escape:
            raise _refused(token[:20], "not a sign that a rule may hold (comments, quoted names, parameters, escapes)")
        if not token.isspace():
            yield token
        place, before = found.end(), token


def _refused(word: str, why: str) -> Invalid:
    return Invalid("quality.sql_refused", word=word, why=why)


def _bad(look: Look, rule: Rule, reason: str) -> Terminal:
    return Terminal("quality.bad_rule", rule=rule.id, resource=look.document.id, reason=reason)
