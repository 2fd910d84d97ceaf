"""Stewards' rules: in force from the next batch until retired, with who and why; SQL that does harm is refused by name and could do none if it were not."""

from typing import Any

import pyarrow as pa
import pytest

from libraries import ingest
from libraries.judging import sql_rules, steward_rules
from schemas.database import transaction
from schemas.errors import Invalid, Terminal
from schemas.identifiers import append_citizen_check_digits
from tests.libraries.test_ingest import ENTRY

RESIDENT = "public_security.resident"
SIGNED = {"by": "王工", "reason": "电话核查"}
PHONE = {
    "id": "mobile",
    "kind": "pattern",
    "items": ["phone"],
    "options": {"pattern": "138.*"},
    "indicator": "accuracy",
}


def add(body: Any, **signed: str) -> Any:
    with transaction() as session:
        return steward_rules.add(session, RESIDENT, body, **{**SIGNED, **signed})


def sql(statement: str, *items: str) -> Any:
    return {"id": "asked", "kind": "sql", "items": items or ("name",), "options": {"sql": statement}}


def test_a_rule_works_from_the_next_batch_until_it_is_retired(hub: Any, people: Any) -> None:
    hub.publish()
    rows = people(6)
    rows[2]["dh"] = "13900000000"
    hub.fill(rows)
    under_way = ingest.plan(RESIDENT, "1")
    ingest.land(under_way)
    assert add(PHONE).id == "steward.mobile"
    ingest.check(under_way)
    assert hub.reasons(under_way) == {}, "planned before the rule"
    second = ingest.ingest(RESIDENT, "2")
    assert hub.reasons(second) == {3: ["steward.mobile"]}
    found = hub.one("SELECT indicator, evaluated, failed FROM landing.rule_results WHERE rule = 'steward.mobile'")
    assert found == {"indicator": "accuracy", "evaluated": 6, "failed": 1}
    with transaction() as session:
        steward_rules.retire(session, RESIDENT, "mobile", by="李工", reason="号段放开")
    assert hub.reasons(ingest.ingest(RESIDENT, "3")) == {}
    with transaction("reader") as session:
        assert steward_rules.listed(session, RESIDENT) == []
        (row,) = steward_rules.listed(session, RESIDENT, retired=True)
    assert (row.added_by, row.reason, row.retired_by, row.retired_reason) == ("王工", "电话核查", "李工", "号段放开")
    with pytest.raises(Invalid, match=r"quality\.rule_unknown"), transaction() as session:
        steward_rules.retire(session, RESIDENT, "mobile", by="x", reason="y")
    with pytest.raises(Invalid, match=r"quality\.rule_known"):
        add(PHONE)


UNFIT: list[tuple[Any, str]] = [
    ({**PHONE, "items": ["shoe"]}, "quality.rule_unfit"),
    ({**PHONE, "items": []}, "quality.rule_unfit"),
    ({**PHONE, "kind": "volume"}, "quality.rule_unfit"),
    ({**PHONE, "kind": "magic"}, "quality.rule_unfit"),
    ({**PHONE, "id": "Not An Id"}, "quality.rule_unfit"),
    ({**PHONE, "options": {}}, "quality.rule_unfit"),
    ({**PHONE, "options": {"pattern": "(("}}, "quality.rule_unfit"),
    ({**PHONE, "kind": "range", "options": {"minimum": "tall"}}, "quality.rule_unfit"),
    ({**PHONE, "kind": "not_after"}, "quality.rule_unfit"),
    ({**PHONE, "kind": "code_table", "options": {"table": "none"}}, "quality.rule_unfit"),
    ({**PHONE, "kind": "reference", "options": {"library": "atlantis"}}, "quality.rule_unfit"),
    (sql("DROP TABLE batch"), "quality.sql_refused"),
]


def test_a_rule_that_cannot_work_is_refused_when_it_is_added(hub: Any) -> None:
    hub.publish()
    for body, code in UNFIT:
        with pytest.raises(Invalid) as caught:
            add(body)
        assert caught.value.code == code, body
    assert hub.rows("SELECT 1 FROM operations.steward_rules") == []


def test_a_rule_needs_a_name_and_a_reason(hub: Any) -> None:
    hub.publish()
    with pytest.raises(Invalid, match=r"quality\.rule_unsigned"):
        add(PHONE, by=" ")
    with pytest.raises(Invalid, match=r"directory\.unknown_resource"), transaction() as session:
        steward_rules.add(session, "no.such", PHONE, **SIGNED)


def test_declared_kinds_hold_the_rows_they_should(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 1})
    add({"id": "tall", "kind": "range", "items": ["height"], "options": {"maximum": 180}})
    add({"id": "known", "kind": "one_of", "items": ["phone"], "options": {"values": ["13800000000"]}})
    add({"id": "there", "kind": "required", "items": ["height"]})
    add({"id": "short", "kind": "length", "items": ["name"], "options": {"maximum": 3}})
    rows = people(6)
    rows[1]["sg"], rows[2]["dh"], rows[3]["sg"], rows[4]["xm"] = "190", "13900000000", None, "张三张三"
    hub.fill(rows)
    held = {2: ["steward.tall"], 3: ["steward.known"], 4: ["steward.there"], 5: ["steward.short"]}
    assert hub.reasons(ingest.ingest(RESIDENT, "1")) == held


def test_sql_sees_the_batch_in_its_types_and_the_libraries_and_holds_by_key(hub: Any, people: Any) -> None:
    hub.publish()
    hub.fill(people(6))
    ingest.ingest(RESIDENT, "1")
    add(
        sql(
            "SELECT b.key FROM batch b JOIN library.population p ON p.subject = b.key\n"
            "WHERE p.name <> b.name AND b.height > 100.5 AND b.birth_date < date '2020-01-01' AND b.name LIKE '改%' AND b.name::text <> ':x'",
            "name", "height", "birth_date",
        )
    )  # fmt: skip
    rows = people(6)
    rows[1]["xm"], rows[2]["xm"], rows[3]["xm"] = "改一", "另二", "改三"
    rows[3]["sg"] = "100"
    rows.append({**rows[5], "gmsfhm": None})
    hub.fill(rows)
    batch = ingest.ingest(RESIDENT, "2")
    assert hub.reasons(batch) == {2: ["steward.asked"], 7: ["citizen_id.required"]}
    result = hub.one("SELECT scope, evaluated, failed FROM landing.rule_results WHERE rule = 'steward.asked'")
    assert result == {"scope": "batch", "evaluated": 7, "failed": 1}
    hub.fill([], columns=list(people(1)[0]))
    with pytest.raises(Terminal, match=r"quality\.volume"):
        ingest.ingest(RESIDENT, "3")


HARMFUL = {
    "DELETE FROM batch": "delete",
    "SELECT key FROM batch; DROP TABLE library.population": ";",
    "SELECT 1) AS f; DROP TABLE x; SELECT (1": ";",
    "SELECT 1) AS f(key), (SELECT 2": ")",
    "WITH x AS (DELETE FROM batch RETURNING key) SELECT key FROM x": "DELETE",
    "SELECT key INTO kept FROM batch": "INTO",
    "SELECT set_config('role', 'none', false)": "set_config",
    "SELECT pg_catalog.set_config('role', 'none', false)": "set_config",
    "SELECT \"set_config\"('role', 'none', false)": '"',
    "SELECT query_to_xml('select 1', true, true, '')": "query_to_xml",
    "SELECT pg_read_file('/etc/passwd')": "pg_read_file",
    "SELECT pg_sleep/**/(100)": "/**/",
    "SELECT key FROM batch -- all": "--",
    "SELECT key FROM batch WHERE name = $1": "$",
    "SELECT $$x$$": "$",
    "SELECT E'\\'', key FROM batch": "'\\'",
    "SELECT U&'\\0061'": "&",
    "WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT 1 FROM x) SELECT 1 FROM x": "RECURSIVE",
    "SELECT generate_series(1, 100000000000)": "generate_series",
    "SELECT repeat('x', 1000000000)": "repeat",
    "SELECT lo_import ('/etc/passwd')": "lo_import",
    "TABLE batch": "table",
    "": "",
    "SELECT (key FROM batch": "(",
    "COPY batch TO PROGRAM 'id'": "copy",
}


@pytest.mark.parametrize(("statement", "word"), HARMFUL.items())
def test_what_a_rule_may_not_say_is_refused_by_name(statement: str, word: str) -> None:
    with pytest.raises(Invalid, match=r"quality\.sql_refused") as caught:
        sql_rules.require_harmless(statement)
    assert caught.value.facts["word"] == word


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT key FROM batch;",
        "with late as (select key from batch where extract(year from birth_date) < 1900) select key from late",
        "SELECT key FROM batch WHERE name ~ '^[;\"$]--' AND (height)::numeric(10,2) NOT IN (1, 2)",
        "SELECT key FROM (SELECT key, count(*) OVER (PARTITION BY phone) AS n FROM batch) AS x WHERE n > 5",
        "SELECT key FROM batch b WHERE EXISTS (SELECT FROM library.population p WHERE p.subject = b.key) ORDER BY coalesce(name, '') LIMIT 5",
    ],
)
def test_ordinary_questions_are_let_through(statement: str) -> None:
    assert sql_rules.require_harmless(statement) == statement.strip().removesuffix(";")


FAILING = [
    ("SELECT id FROM exchange.grants", "exchange.grants"),
    ("SELECT key FROM batch WHERE EXISTS (SELECT FROM landing.batches)", "landing.batches"),
    ("SELECT usename FROM pg_user", "pg_catalog"),
    ("SELECT subject FROM population", "population"),
    ("SELECT shoe FROM batch", "shoe"),
    ("SELECT batch.key FROM batch, batch AS c", "more than 5 keys"),
    (
        "SELECT a.key FROM batch a, batch b, batch c, batch d, batch e, batch f, batch g, batch h, batch i, batch j WHERE b.name || c.name "
        "|| d.name || e.name || f.name || g.name || h.name || i.name || j.name = '?'",
        "statement timeout",
    ),
]


def test_sql_that_fails_stops_the_batch_by_name_and_retiring_the_rule_lets_it_go_on(
    hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUTONG_SQL_RULE_ROWS", "5")
    hub.publish()
    hub.fill(people(40))
    for number, (statement, reason) in enumerate(FAILING):
        name = f"asked{number}"
        monkeypatch.setenv("HUTONG_SQL_RULE_SECONDS", "1" if reason == "statement timeout" else "60")
        add(sql(statement) | {"id": name})
        batch = ingest.plan(RESIDENT, name)
        ingest.land(batch)
        with pytest.raises(Terminal, match=r"quality\.bad_rule") as caught:
            ingest.check(batch)
        assert caught.value.facts["rule"] == f"steward.{name}"
        assert reason in caught.value.facts["reason"]
        assert hub.batch(batch)["state"] == "landed"
        with transaction() as session:
            steward_rules.retire(session, RESIDENT, name, by="x", reason="y")
    ingest.check(batch)
    assert hub.batch(batch)["state"] == "checked"


def test_even_unread_a_statement_can_neither_write_nor_see_secrets(
    hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is the second lock: the words are let through here, and still nothing happens."""
    monkeypatch.setattr(sql_rules, "require_harmless", lambda statement: statement)
    hub.publish()
    hub.fill(people(3))
    for statement in (
        "WITH gone AS (DELETE FROM library.population RETURNING subject) SELECT subject FROM gone",
        "SELECT password_hash FROM operations.officers",
        "SELECT 1) AS f(key); DELETE FROM landing.batches; SELECT (1",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_sleep(30)",
        "SELECT nextval('landing.batches_number_seq')",
    ):
        monkeypatch.setenv("HUTONG_SQL_RULE_SECONDS", "1")
        check = {"id": "own.sql", "kind": "sql", "items": ["name"], "options": {"sql": statement}}
        hub.publish(checks=[check])
        with pytest.raises(Terminal, match=r"quality\.bad_rule"):
            ingest.ingest(RESIDENT, statement)
    assert len(hub.rows("SELECT 1 FROM landing.batches")) == 6


def test_references_work_both_ways_over_many_groups_and_lost_ones_are_listed(
    hub: Any, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from libraries import landing
    from libraries.judging import references

    monkeypatch.setattr(landing, "GROUP_ROWS", 16)
    hub.publish()
    known = people(60)
    hub.fill(known)
    ingest.ingest(RESIDENT, "r")
    strangers = append_citizen_check_digits(pa.array([f"33010619630101{n:03d}" for n in range(100, 140)])).to_pylist()
    lines = ["主体,类别,文书号,罚款,日期"]
    lines += [f"{row['gmsfhm']},01,甲{n},1,2024-01-01" for n, row in enumerate(known)]
    lines += [f"{one},01,乙{n},1,2024-01-01" for n, one in enumerate(strangers)]
    lines += [f"91350100M000100Y43,01,丙{n},1,2024-01-01" for n in range(3)]
    with transaction() as session:
        from sqlalchemy import text

        session.execute(
            text(
                "INSERT INTO library.legal_entity (subject, sources, batches) VALUES ('91350100M000100Y43', '{1}', '{1}')"
            )
        )
    hub.publish(ENTRY)
    hub.drop("credit.csv", "\n".join(lines) + "\n")
    batch = ingest.ingest(ENTRY["id"], "r")
    assert hub.reasons(batch) == {61 + n: ["subject.exists"] for n in range(40)}
    with transaction("reader") as session:
        (found,) = references.orphans(session, ENTRY["id"], 5)
        assert (found.rule, found.count, found.keys) == ("subject.exists", 0, [])
    gone = known[7]["gmsfhm"]
    hub.rows("DELETE FROM library.population WHERE subject = :id RETURNING 1", id=gone)
    hub.rows("DELETE FROM library.legal_entity RETURNING 1")
    with transaction("reader") as session:
        (found,) = references.orphans(session, ENTRY["id"], 2)
    assert (found.count, found.keys) == (4, ["01/丙0/信用办", "01/丙1/信用办"])
