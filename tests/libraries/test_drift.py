"""A source that changed its columns overnight: what is proposed, who is told, and that one command brings the same run in."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from catalog import directory, notices
from hutong.commands.catalog import app
from libraries import ingest
from libraries.drifting import drift, drift_proposals
from schemas.database import transaction
from schemas.errors import Invalid, Terminal
from schemas.resource import Source

RESIDENT = "public_security.resident"
NAMES = st.sets(st.text("abcdexyz_", min_size=1, max_size=8), max_size=6)


def call(*words: str) -> Any:
    return CliRunner().invoke(app, list(words))


def deliver(hub: Any, people: Any, renamed: Any, count: int = 4) -> None:
    """Fill the source with the same people under other column names; None drops a column, "+name" adds one."""
    added = [name.removeprefix("+") for name in renamed if name.startswith("+")]
    rows = [
        {
            **{renamed.get(name, name): value for name, value in row.items() if renamed.get(name, name)},
            **dict.fromkeys(added, "1"),
        }
        for row in people(count)
    ]
    hub.fill(rows)


def drift_once(run: str = "night") -> Any:
    batch = ingest.plan(RESIDENT, run)
    with pytest.raises(Terminal, match=r"landing\.schema_drift"):
        ingest.land(batch)
    return batch


def test_a_renamed_column_is_accepted_by_one_command_and_the_same_run_comes_in(hub: Any, people: Any) -> None:
    hub.publish()
    deliver(hub, people, {})
    ingest.ingest(RESIDENT, "evening")
    deliver(hub, people, {"xm": "xingming", "dh": "dh_mobile"}, 5)
    batch = drift_once()
    listed = json.loads(call("drift", "list", "--json").output)
    assert [(row["resource"], row["run"], row["draft"]) for row in listed] == [(RESIDENT, "night", f"{RESIDENT}@2")]
    shown = json.loads(call("drift", "show", RESIDENT, "--json").output)
    assert (shown["renamed"], shown["undecided"]) == ({"xingming": "xm", "dh_mobile": "dh"}, [])
    with hub.session() as session:
        (told,) = notices.find(session, "public_security")
        draft = directory.draft(session, RESIDENT)
    assert (told.key, told.facts["version"]) == ("version.drifted", "2")
    assert draft.source is not None
    assert draft.source.mapping["xingming"] == "name"
    assert "xm" not in draft.source.mapping
    accepted = call("drift", "accept", RESIDENT)
    assert accepted.exit_code == 0, accepted.output
    assert f"{RESIDENT}@2 published" in accepted.output
    assert "--run-id 'night'" in accepted.output
    assert ingest.ingest(RESIDENT, "night") == batch
    found = hub.batch(batch)
    assert (found["state"], found["resource_version_id"], found["error_code"]) == ("merged", f"{RESIDENT}@2", None)
    assert hub.one("SELECT count(*) FROM library.population WHERE name IS NOT NULL AND phone IS NOT NULL") == 5
    assert json.loads(call("drift", "list", "--json").output) == []


def test_new_and_lost_columns_become_items_and_leave(hub: Any, people: Any) -> None:
    hub.publish()
    deliver(hub, people, {"sg": None, "+电子邮箱": "", "+ZipCode": ""})
    drift_once()
    with hub.session() as session:
        (batch,) = drift_proposals.find_drifted(session)
        proposal = drift_proposals.proposal_of(session, batch)
    assert proposal.removed == ("sg",)
    assert dict(proposal.added) == {"电子邮箱": "field", "ZipCode": "zipcode"}
    items = {item.id: item for item in proposal.draft.items}
    assert "height" not in items
    assert (items["field"].name, items["field"].sensitivity, items["field"].attribute) == ("电子邮箱", "personal", None)
    shown = call("drift", "show", RESIDENT)
    assert "! items.height" in shown.output
    assert call("drift", "accept", RESIDENT).exit_code == 0
    ingest.ingest(RESIDENT, "night")


def test_what_the_binding_cannot_do_without_is_left_to_a_person(hub: Any, people: Any) -> None:
    hub.publish()
    deliver(hub, people, {"gmsfhm": None})
    drift_once()
    accepted = call("drift", "accept", RESIDENT)
    assert isinstance(accepted.exception, Terminal)
    assert (accepted.exception.code, accepted.exception.facts["columns"]) == ("drift.undecided", "gmsfhm")


def test_a_steward_s_own_draft_is_never_written_over(hub: Any, people: Any) -> None:
    document = hub.publish()
    with transaction() as session:
        directory.save_draft(session, document.model_copy(update={"abstract": "mine"}), by="li")
    deliver(hub, people, {"xm": "xingming"})
    drift_once()
    with hub.session() as session:
        assert directory.draft(session, RESIDENT).abstract == "mine"
        assert notices.find(session, "public_security") == []
    accepted = call("drift", "accept", RESIDENT)
    assert isinstance(accepted.exception, Terminal)
    assert accepted.exception.code == "drift.draft_in_the_way"


def test_the_same_drift_night_after_night_is_one_draft_and_one_notice(hub: Any, people: Any) -> None:
    hub.publish()
    deliver(hub, people, {"xm": "xingming"})
    for run in ("1", "2", "3"):
        drift_once(run)
    with hub.session() as session:
        assert len(notices.find(session, "public_security")) == 1
        assert len(directory.versions(session, RESIDENT)) == 2
        assert [batch.run_id for batch in drift_proposals.find_drifted(session)] == ["3"]


def test_a_retyped_column_is_confirmed_by_the_new_version(hub: Any, people: Any) -> None:
    hub.publish()
    deliver(hub, people, {})
    ingest.ingest(RESIDENT, "evening")
    import sqlite3

    with sqlite3.connect(hub.folder / "police.db") as database:
        for column in ("dh", "csrq", "sg"):
            database.execute(f"ALTER TABLE resident RENAME COLUMN {column} TO old")
            database.execute(f"ALTER TABLE resident ADD COLUMN {column} INTEGER")
            database.execute(f"UPDATE resident SET {column} = {'20260101' if column == 'csrq' else 'old'}")
            database.execute("ALTER TABLE resident DROP COLUMN old")
    database.close()
    drift_once()
    shown = json.loads(call("drift", "show", RESIDENT, "--json").output)
    # the library needs a date and a text; the height may be whole
    assert shown["retyped"] == {"birth_date": "D", "height": "I", "phone": "C"}
    assert call("drift", "accept", RESIDENT).exit_code == 0
    with hub.session() as session:
        source = directory.document(session, RESIDENT).source
    assert source is not None
    assert source.options["confirmed_types"] == dict.fromkeys(("birth_date", "height", "phone"), "int64")
    ingest.land(ingest.plan(RESIDENT, "night"))


def test_nothing_drifted_is_said_by_name(hub: Any) -> None:
    hub.publish()
    accepted = call("drift", "accept", RESIDENT)
    assert isinstance(accepted.exception, Invalid)
    assert accepted.exception.code == "drift.none"


def test_a_run_rejected_for_its_rows_stays_rejected_when_a_new_version_comes(hub: Any, people: Any) -> None:
    hub.publish(quality={"reject_above": 0})
    deliver(hub, lambda count: [{**row, "xm": None} for row in people(count)], {})
    with pytest.raises(Terminal, match=r"quality\.rejected"):
        ingest.ingest(RESIDENT, "night")
    hub.publish(quality={"reject_above": 1})
    batch = ingest.plan(RESIDENT, "night")
    assert (hub.batch(batch)["state"], hub.batch(batch)["resource_version_id"]) == ("rejected", f"{RESIDENT}@1")


@given(NAMES, NAMES)
def test_every_changed_column_is_named_and_none_is_paired_twice(found: set[str], bound: set[str]) -> None:
    source = Source(
        connector="files", connection="c", mapping={name: f"i{n}" for n, name in enumerate(sorted(bound))}, key=("i",)
    )
    unknown, missing = found - bound, bound - found
    pairs = drift.renamings(unknown, missing)
    assert set(pairs) <= unknown
    assert set(pairs.values()) <= missing
    assert len(set(pairs.values())) == len(pairs)
    if not unknown and not missing:
        drift.require_known_columns("r", source, pa.schema([(name, pa.string()) for name in found]))
        return
    with pytest.raises(Terminal) as caught:
        drift.require_known_columns("r", source, found)
    assert set(json.loads(caught.value.facts["columns"])) == found
    assert all(name in caught.value.facts["changes"] for name in unknown | missing)
