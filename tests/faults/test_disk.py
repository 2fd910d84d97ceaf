"""No room is left in the middle of a step: the size a file may have ends it, as a full disk or a quota would."""

import json
from pathlib import Path
from typing import Any

import pytest

from libraries import finishing, ingest
from tests.faults.conftest import Nursery, counts, many

ID = "public_security.resident"
ROWS = 4_000
FILLED = """
import json, pathlib, resource
from schemas.errors import HutongError
def attempt(step):
    try: step({batch!r})
    except HutongError as error: return type(error).__name__, error.code
said = []
for step in (ingest.land, ingest.check, ingest.merge):
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    units.SPILL_BYTES = 1  # what a merge puts on disk when a batch is larger than memory
    said.append(attempt(step))
    left = [path.stat().st_size for path in pathlib.Path({landing!r}).rglob('*') if path.is_file()]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with ingest.transaction('ingest') as session:
        batch = ingest.batches.get(session, {batch!r}).batch
        said.append((batch.state, batch.error_code))
    said.append([size for size in left if size == 20_000])
    said.append(attempt(step))
print(json.dumps(said))
"""


def test_each_step_names_the_full_disk_leaves_nothing_there_and_goes_on(hub: Any, nursery: Nursery) -> None:
    hub.publish()
    hub.fill(many(ROWS))
    batch = ingest.plan(ID, "night")
    ((ended, said),) = nursery.run(FILLED.format(batch=batch, landing=str(hub.folder / "landing")))
    assert ended == 0, said
    full = "landing.storage_full"
    expected = [
        [["Transient", full], [state, full], [], None] for state in ("planned", "landed", "checked")
    ]  # failed by name, noted, no stump left, then it goes through
    assert json.loads(said.splitlines()[-1]) == [part for step in expected for part in step]
    assert hub.batch(batch)["error_code"] is None
    assert counts(hub) == {"": ROWS, "_claims": ROWS, "_past_claims": 0, "_history": 0}


def _bring_a_file(hub: Any) -> None:
    """Publish the resource as files taken over one by one, and let its department drop one of twenty rows."""
    source = {"connector": "files", "connection": "drops", "options": {"pattern": "*.csv"}, "mode": "incremental"}
    document = hub.publish(source={**hub.publish().source.model_dump(), **source})
    rows = many(20)
    names = [name for name in rows[0] if name in document.source.mapping]
    hub.drop(
        "a.csv", "\n".join([",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]) + "\n"
    )


@pytest.mark.parametrize("part", ["checked", "landed"])
def test_files_lost_on_our_side_are_no_loss(hub: Any, part: str) -> None:
    """A disk comes back empty, or a worker looks at another one: nothing is withdrawn, and the next run takes all again."""
    _bring_a_file(hub)
    lost = ingest.plan(ID, "1")
    ingest.land(lost)
    if part == "checked":
        ingest.check(lost)
    for file in Path(hub.folder / "landing" / hub.batch(lost)["path"] / part).glob("*.parquet"):
        file.unlink()
    with pytest.raises(Exception, match=r"landing\.damaged"):
        (ingest.merge if part == "checked" else ingest.check)(lost)
    assert hub.batch(lost)["error_code"] == "landing.damaged"
    assert counts(hub)[""] == 0
    again = ingest.ingest(ID)  # not the same run: that one would find the same damage
    assert again != lost
    assert counts(hub) == {"": 20, "_claims": 20, "_past_claims": 0, "_history": 0}


@pytest.mark.parametrize("reached", ["landed", "checked"])
def test_the_next_run_finishes_files_that_an_earlier_one_left_half_way(hub: Any, reached: str) -> None:
    _bring_a_file(hub)
    left = ingest.plan(ID, "1")
    ingest.land(left)
    if reached == "checked":
        ingest.check(left)
    following = ingest.plan(ID, "2")
    assert finishing.finish_earlier(following) == [left]
    assert hub.batch(left)["state"] == "merged"
    assert finishing.finish_earlier(following) == []
    ingest.ingest(ID, "2")
    assert counts(hub) == {"": 20, "_claims": 20, "_past_claims": 0, "_history": 0}


def test_an_empty_disk_does_not_pass_for_an_empty_source(hub: Any) -> None:
    hub.publish()
    hub.fill(many(20))
    ingest.ingest(ID, "1")
    batch = ingest.plan(ID, "2")
    ingest.land(batch)
    ingest.check(batch)
    for file in Path(hub.folder / "landing" / hub.batch(batch)["path"] / "checked").glob("*.parquet"):
        file.unlink()
    with pytest.raises(Exception, match=r"landing\.damaged"):
        ingest.merge(batch)
    assert counts(hub) == {"": 20, "_claims": 20, "_past_claims": 0, "_history": 0}
