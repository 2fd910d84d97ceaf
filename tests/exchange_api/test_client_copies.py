"""The SDK keeps a copy: it follows the feed from a cursor on disk over crashes and gaps, and fetches exports that hold against their signed manifest."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange_api.client import ChangePage, Hub, Limits, Refused
from exchange_api.client import copies as copies_room
from exchange_api.exports.building import build
from exchange_api.signing import Response
from schemas.errors import Terminal, Transient
from tests.exchange_api.bending import Bending
from tests.exchange_api.feeding import left_as_found, writing
from tests.exchange_api.granted import grant

CASE = "BJ-2026-0001"
MODES = ["query", "changes", "export"]


@pytest.fixture(scope="module", autouse=True)
def _library(exchange_site: Any) -> Iterator[None]:
    with left_as_found(exchange_site):
        yield


@pytest.fixture(scope="module")
def way(exchange_site: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bending]:
    """A server with a landing area of its own, the same for whoever builds exports here, and somebody on the way to it."""
    folder = tmp_path_factory.mktemp("copies")
    with Bending() as found, pytest.MonkeyPatch.context() as patch:
        ours = {"HUTONG_API_AUTHORITIES": found.authority, "HUTONG_LANDING": str(folder / "landing")}
        environment = exchange_site.environment | ours
        for name, value in environment.items():
            patch.setenv(name, value)
        with serve(environment, folder / "server.log") as found.upstream:
            yield found


@pytest.fixture
def hub(exchange_site: Any, way: Bending, tmp_path: Path) -> Iterator[Hub]:
    way.seen.clear()
    yield Hub(way.url, exchange_site.signer, exchange_site.jwks, tmp_path / "receipts", Limits(pause_s=0.01))
    way.bend = way.cut = None


@pytest.fixture
def granted(exchange_site: Any) -> str:
    return grant(exchange_site, {"name": "full", "birth_date": "full"}, modes=MODES)


def take(copy: dict[str, Any], page: ChangePage) -> None:
    for change in page.changes:
        copy.pop(change.key, None) if change.change == "removed" else copy.update({change.key: change.values})


def follow(hub: Hub, granted: str, cursor: Path, copy: dict[str, Any]) -> int:
    pages = 0
    for page in hub.follow(granted, cursor, limit=15, case=CASE):
        take(copy, page)
        pages += 1
    return pages


def test_a_copy_is_kept_right_from_a_cursor_on_disk(exchange_site: Any, hub: Hub, granted: str, tmp_path: Path) -> None:
    copy: dict[str, Any] = {}
    cursor, people = tmp_path / "cursor", exchange_site.people
    assert follow(hub, granted, cursor, copy) > 2
    assert set(people) <= set(copy)
    before = copy[people[12]]["name"]
    with writing(exchange_site) as write:
        write.change(people[12], name="改过的名")
    assert follow(hub, granted, cursor, copy) == 1
    assert (before, copy[people[12]]["name"]) == (f"欧阳小{12}", "改过的名")
    assert cursor.stat().st_mode & 0o777 == 0o600
    with writing(exchange_site) as write:
        write.change(people[12], name=before)


def test_a_page_under_work_comes_again_after_a_crash(hub: Hub, granted: str, tmp_path: Path) -> None:
    cursor = tmp_path / "cursor"
    pages = hub.follow(granted, cursor, limit=10, case=CASE)
    next(pages)
    second = next(pages)  # and the program is gone before it has taken it in
    pages.close()  # type: ignore[attr-defined]
    again = next(hub.follow(granted, cursor, limit=10, case=CASE))
    assert (again.page, again.changes) == (second.page, second.changes)


def test_a_lost_page_is_noticed(hub: Hub, granted: str, tmp_path: Path) -> None:
    cursor = tmp_path / "cursor"
    pages = hub.follow(granted, cursor, limit=10, case=CASE)
    next(pages), next(pages)
    kept = json.loads(cursor.read_text("utf-8"))
    cursor.write_text(json.dumps(kept | {"page": kept["page"] - 1}), "utf-8")
    with pytest.raises(Terminal, match=r"client\.feed_gap"):
        next(hub.follow(granted, cursor, limit=10, case=CASE))


def test_another_grants_cursor_is_refused_with_the_way_on(
    exchange_site: Any, hub: Hub, granted: str, tmp_path: Path
) -> None:
    cursor = tmp_path / "cursor"
    next(pages := hub.follow(granted, cursor, limit=10, case=CASE))
    next(pages)
    other = grant(exchange_site, {"name": "full"}, modes=MODES)
    with pytest.raises(Refused) as refused:
        next(hub.follow(other, cursor, case=CASE))
    assert refused.value.code == "feed.cursor"


def _exported(exchange_site: Any, hub: Hub, granted: str) -> Any:
    asked = hub.request_export(granted, exchange_site.purpose, "ndjson", items=["name"])
    assert asked.state == "waiting"
    with pytest.raises(Transient, match=r"client\.export_unready.*waiting"):
        hub.await_export(granted, asked.export, patience_s=0)
    assert build(asked.export) == "ready"
    return hub.await_export(granted, asked.export)


def test_an_export_is_fetched_in_pieces_over_a_break_and_held_against_its_manifest(
    exchange_site: Any, hub: Hub, way: Bending, granted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = _exported(exchange_site, hub, granted)
    monkeypatch.setattr(copies_room, "PIECE", 1000)
    (file,) = export.files
    way.seen.clear()

    def forge_later_pieces(response: Response) -> Response:
        is_first = len(way.seen) == 1
        return response if is_first else Response(response.status, response.headers, b"x" * len(response.body))

    with way.bent(forge_later_pieces), pytest.raises(Terminal, match=r"digest\.wrong"):
        hub.download(export, tmp_path / "files")
    part = next((tmp_path / "files").glob("*.part"))
    assert part.stat().st_size == 1000
    way.seen.clear()
    (made,) = hub.download(export, tmp_path / "files")
    assert len(way.seen) == -(-file.size // 1000) - 1, "only what was missing"
    lines = [json.loads(line) for line in made.read_text("utf-8").splitlines()]
    assert len(lines) == file.rows
    assert set(exchange_site.people) <= {line["subject"] for line in lines}
    way.seen.clear()
    assert hub.download(export, tmp_path / "files") == [made]
    assert way.seen == []


def test_the_feed_goes_on_where_the_export_stands(exchange_site: Any, hub: Hub) -> None:
    export = _exported(exchange_site, hub, grant(exchange_site, {"name": "full"}, modes=MODES))
    place = hub.manifest(export)["feed"]
    assert hub.changes(export.grant, place, case=CASE).changes == ()


@pytest.mark.parametrize("part", ["text", "signature"])
def test_a_manifest_that_was_changed_is_not_believed(exchange_site: Any, hub: Hub, granted: str, part: str) -> None:
    export = _exported(exchange_site, hub, granted)
    signed = export.document["signed"]
    if part == "text":
        signed[part] = signed[part].replace('"rows":', '"rows": ', 1)
    else:
        rest, middle = signed[part][:-40], signed[part][-40:]
        signed[part] = f"{rest}{'B' if middle[0] == 'A' else 'A'}{middle[1:]}"
    with pytest.raises(Terminal, match="not signed by the hub"):
        hub.manifest(export)


def test_a_part_file_that_somebody_touched_is_thrown_away(
    exchange_site: Any, hub: Hub, granted: str, tmp_path: Path
) -> None:
    export = _exported(exchange_site, hub, granted)
    name = hub.manifest(export)["files"][0]["name"]
    (tmp_path / f"{name}.part").write_bytes(b"not of it")
    with pytest.raises(Terminal, match="does not fit the manifest"):
        hub.download(export, tmp_path)
    assert [path.name for path in hub.download(export, tmp_path)] == [name]
