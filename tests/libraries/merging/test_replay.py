"""A mended row ends where it would have ended had it come right the first time."""

from typing import Any

from libraries.batches import REPLAY
from libraries.merging.merge import merge_batch

PS = "public_security.resident"


def _replay(hub: Any, held_in: str, row: dict[str, Any], day: float) -> str:
    hub.hold(held_in, row["subject"])
    number = hub.rows("SELECT max(id) AS id FROM landing.quarantined_rows")[0]["id"]
    batch: str = hub.batch(PS, [row], day=day)
    hub.run(f"UPDATE landing.batches SET run_id = '{REPLAY}{number}:abc' WHERE id = '{batch}'")
    return batch


def test_a_replay_withdraws_nothing(hub: Any) -> None:
    hub.resource(PS)
    first = hub.batch(PS, [{"subject": "a", "name": "张伟"}], day=1)
    merge_batch(first)
    merge_batch(_replay(hub, first, {"subject": "b", "name": "王芳"}, day=2))
    assert hub.golden() == {"a": {"name": "张伟"}, "b": {"name": "王芳"}}
    times = hub.rows("SELECT DISTINCT asserted_at FROM library.population_claims")
    assert len(times) == 1


def test_a_replay_does_not_take_back_what_came_since(hub: Any) -> None:
    hub.resource(PS)
    first = hub.batch(PS, [{"subject": "a", "name": "张伟"}], day=1)
    merge_batch(first)
    hub.merge(PS, [{"subject": "a", "name": "张伟"}, {"subject": "b", "name": "new"}], day=2)
    merge_batch(_replay(hub, first, {"subject": "b", "name": "old"}, day=3))
    assert hub.golden()["b"] == {"name": "new"}


def test_a_replay_does_not_make_a_snapshot_late(hub: Any) -> None:
    hub.resource(PS)
    first = hub.batch(PS, [{"subject": "a", "name": "张伟"}], day=1)
    merge_batch(first)
    waiting = hub.batch(PS, [{"subject": "c", "name": "李娜"}], day=2)
    merge_batch(_replay(hub, first, {"subject": "b", "name": "王芳"}, day=3))
    merge_batch(waiting)
    assert set(hub.golden()) == {"c"}
