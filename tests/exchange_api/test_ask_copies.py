"""An office without a program keeps a copy by command: the feed in a file of lines, an export in a folder, going on where it broke off, nothing twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange_api.client import Hub
from exchange_api.exports.building import build
from hutong.commands import ask_copies
from hutong.commands.ask_copies import Bulk
from schemas.errors import Transient
from tests.exchange_api.feeding import left_as_found, writing
from tests.exchange_api.granted import grant

MODES = ["query", "changes", "export"]


@pytest.fixture(scope="module", autouse=True)
def _library(exchange_site: Any) -> Iterator[None]:
    with left_as_found(exchange_site):
        yield


@pytest.fixture(scope="module")
def hub(exchange_site: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A server whose exports are built here."""
    folder = tmp_path_factory.mktemp("asked")
    environment = exchange_site.environment | {"HUTONG_LANDING": str(folder / "landing")}
    with pytest.MonkeyPatch.context() as patch, serve(environment, folder / "server.log") as authority:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield Hub(f"http://{authority}", exchange_site.signer, exchange_site.jwks)


def _bulk(site: Any, **more: Any) -> Bulk:
    return Bulk(grant(site, {"name": "full"}, modes=MODES), site.purpose, **more)


def test_changes_are_appended_and_a_page_cut_off_comes_again_once(exchange_site: Any, hub: Hub, tmp_path: Path) -> None:
    path, bulk = tmp_path / "changes.ndjson", _bulk(exchange_site)
    first = ask_copies.follow(hub, bulk, path)
    whole = path.read_bytes()
    assert len(whole.splitlines()) == first >= len(exchange_site.people)
    assert path.stat().st_mode & 0o777 == 0o600
    with writing(exchange_site) as write:
        write.change(exchange_site.people[14], name="后来改的")

    def die(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # its lines are written, its cursor is not kept
        ask_copies.follow(hub, bulk, path, die)
    assert len(path.read_bytes()) > len(whole)
    assert ask_copies.follow(hub, bulk, path) == 1
    (told,) = [json.loads(line) for line in path.read_bytes()[len(whole) :].splitlines()]
    assert (told["change"], told["values"]) == ("changed", {"name": "后来改的"})
    assert ask_copies.follow(hub, bulk, path) == 0


def test_an_export_is_asked_for_once_and_fetched_when_it_is_built(exchange_site: Any, hub: Hub, tmp_path: Path) -> None:
    bulk = _bulk(exchange_site, format="ndjson", patience_s=1)
    with pytest.raises(Transient, match=r"client\.export_unready"):
        ask_copies.download(hub, bulk, tmp_path)
    asked = json.loads((tmp_path / "export.json").read_text("utf-8"))
    assert build(asked["export"]) == "ready"
    (made,) = ask_copies.download(hub, bulk, tmp_path)
    assert set(exchange_site.people) <= {json.loads(line)["subject"] for line in made.read_text("utf-8").splitlines()}
    assert json.loads((tmp_path / "export.json").read_text("utf-8")) == asked
