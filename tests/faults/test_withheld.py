"""What the hub itself held back of a snapshot is not gone at the source: it stays as it was until it is told anew."""

from typing import Any

from libraries import ingest
from tests.faults.conftest import counts, many
from tests.libraries.conftest import RESIDENT

ID = "public_security.resident"
NAMES = list(RESIDENT["source"]["mapping"])
FILES = {**RESIDENT["source"], "connector": "files", "connection": "drops", "options": {"pattern": "*.csv"}}


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    return [",".join(NAMES), *(",".join(str(row[name]) for name in NAMES) for row in rows)]


def test_a_file_cut_off_and_a_line_without_shape_withdraw_nobody(hub: Any) -> None:
    hub.publish(source=FILES, quality={"reject_above": 0.9, "volume_drop": 1})
    rows = many(20)
    hub.drop("a.csv", "\n".join(_lines(rows[:10])) + "\n")
    hub.drop("b.csv", "\n".join(_lines(rows[10:])) + "\n")
    ingest.ingest(ID, "1")
    assert counts(hub)[""] == 20
    # the second night one file is cut off in mid-line, and in the other one row has a comma too many
    lines = _lines(rows[:10])
    lines[3] += ",多"
    hub.drop("a.csv", "\n".join(lines) + "\n")
    hub.drop("b.csv", "\n".join(_lines(rows[10:]))[:-30])
    night = ingest.ingest(ID, "2")
    assert (hub.batch(night)["state"], hub.batch(night)["rows_good"]) == ("merged", 9)
    assert hub.one("SELECT code FROM landing.refused_files") == "files.incomplete"
    assert counts(hub) == {"": 20, "_claims": 20, "_past_claims": 0, "_history": 0}
    # whole again, without two who moved away; the line is still without shape, and its record still not gone
    hub.drop("b.csv", "\n".join(_lines(rows[10:18])) + "\n")
    ingest.ingest(ID, "3")
    assert counts(hub) == {"": 18, "_claims": 18, "_past_claims": 2, "_history": 2}
    assert hub.one("SELECT count(*) FROM library.population WHERE subject = :s", s=rows[2]["gmsfhm"]) == 1


def test_a_held_row_keeps_its_record_however_its_key_was_written(hub: Any) -> None:
    hub.publish(source=FILES, quality={"reject_above": 0.9, "volume_drop": 1})
    rows = many(5)
    hub.drop("a.csv", "\n".join(_lines(rows)) + "\n")
    ingest.ingest(ID, "1")
    # full-width digits, which the declared repair puts right, and no name, for which the row is held
    wide = rows[0]["gmsfhm"].translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789X"})
    hub.drop("a.csv", "\n".join(_lines([{**rows[0], "gmsfhm": wide, "xm": ""}, *rows[1:4]])) + "\n")
    night = ingest.ingest(ID, "2")
    assert hub.batch(night)["rows_quarantined"] == 1
    assert counts(hub) == {"": 4, "_claims": 4, "_past_claims": 1, "_history": 1}
    assert hub.one("SELECT name FROM library.population WHERE subject = :s", s=rows[0]["gmsfhm"]) == rows[0]["xm"]
