"""The SDK on a bad day: answers changed or cut on the way, a server killed, a wrong clock, a full grant, and the wheel alone in an empty room."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from exchange_api.client import AsyncHub, Hub, Limits, Refused
from exchange_api.evidence.receipt import verify_receipt
from exchange_api.evidence.sequencer import sequence_once
from exchange_api.keys import active_signer
from exchange_api.signing import Response
from schemas.errors import Terminal
from tests.exchange_api.bending import PARTS, Bending

ROOT = Path(__file__).resolve().parents[2]
GRANT = "SQ-2026-000001"
FAST = Limits(pause_s=0.01)


@pytest.fixture(scope="module")
def way(exchange_site: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bending]:
    """Somebody on the way to a server that also answers to that name."""
    with Bending() as found:
        environment = exchange_site.environment | {"HUTONG_API_AUTHORITIES": found.authority}
        with serve(environment, tmp_path_factory.mktemp("faults") / "server.log") as found.upstream:
            yield found


@pytest.fixture
def hub(exchange_site: Any, way: Bending, tmp_path: Path) -> Iterator[Hub]:
    """An application system that asks through whoever is on the way."""
    way.seen.clear()
    yield Hub(way.url, exchange_site.signer, exchange_site.jwks, tmp_path / "receipts", FAST)
    way.bend = way.cut = None


def ask(hub: Hub, site: Any, **wish: Any) -> Any:
    return hub.query("population", GRANT, site.purpose, site.people[:1], **wish)


def asked(way: Bending) -> list[tuple[str, int]]:
    return [one for one in way.seen if one[0]]


@pytest.mark.parametrize("part", PARTS)
def test_an_answer_changed_in_any_part_is_not_believed_nor_asked_again(
    exchange_site: Any, way: Bending, hub: Hub, part: str
) -> None:
    with way.bent(PARTS[part]), pytest.raises(Terminal, match=r"client\.unverified"):
        ask(hub, exchange_site)
    assert len(asked(way)) == 1
    assert list(hub.shelf.folder.iterdir()) == []  # type: ignore[union-attr]


def test_another_questions_answer_is_not_believed(exchange_site: Any, way: Bending, hub: Hub) -> None:
    earlier = ask(hub, exchange_site).answer.response
    with way.bent(lambda _: earlier), pytest.raises(Terminal, match=r"client\.unverified"):
        ask(hub, exchange_site)


def test_a_server_killed_in_the_middle_of_its_answer_is_asked_again_under_the_same_id(
    exchange_site: Any, serve: Any, way: Bending, tmp_path: Path
) -> None:
    way.seen.clear()
    hub = Hub(way.url, exchange_site.signer, exchange_site.jwks, limits=Limits(timeout_s=60, patience_s=120))
    environment, before = exchange_site.environment | {"HUTONG_API_AUTHORITIES": way.authority}, way.upstream
    with ExitStack() as second, ExitStack() as first:

        def kill() -> None:
            first.close()
            way.upstream = second.enter_context(serve(environment, tmp_path / "second.log"))

        try:
            way.upstream, way.cut = first.enter_context(serve(environment, tmp_path / "first.log")), kill
            answer = ask(hub, exchange_site)
        finally:
            way.upstream = before
    (first_id, first_status), (second_id, second_status) = asked(way)
    assert (first_id, first_status) == (second_id, second_status)
    entry = exchange_site.entry(answer.receipt_id)
    assert entry.request_id == first_id
    assert json.loads(entry.document)["code"] is None, "the receipt is that of the first answer"


@pytest.mark.parametrize(
    ("status", "headers", "attempts"),
    [
        (429, {}, 1),
        (429, {"retry-after": "0"}, 3),
        (503, {"retry-after": "0"}, 3),
        (502, {}, 3),
        (404, {}, 1),
        (400, {}, 1),
    ],
)
def test_what_passes_is_asked_again_and_nothing_else(
    exchange_site: Any, way: Bending, tmp_path: Path, status: int, headers: dict[str, str], attempts: int
) -> None:
    way.seen.clear()
    hub = Hub(way.url, exchange_site.signer, exchange_site.jwks, tmp_path, Limits(pause_s=0.001, attempts=3))
    with way.bent(lambda _: Response(status, headers, b"busy")), pytest.raises(Terminal, match=r"client\.unverified"):
        ask(hub, exchange_site)
    ids = [request_id for request_id, _ in asked(way)]
    assert (len(ids), len(set(ids))) == (attempts, 1)


def test_a_hub_that_wants_longer_than_one_may_wait_is_not_waited_for(
    exchange_site: Any, way: Bending, tmp_path: Path
) -> None:
    hub = Hub(way.url, exchange_site.signer, exchange_site.jwks, tmp_path, Limits(pause_s=0.001, patience_s=5))
    with way.bent(lambda _: Response(503, {"retry-after": "3600"}, b"")), pytest.raises(Terminal):
        ask(hub, exchange_site)


def test_an_answer_larger_than_agreed_is_not_read_to_its_end(exchange_site: Any) -> None:
    hub = Hub(exchange_site.url, exchange_site.signer, exchange_site.jwks, limits=Limits(answer_bytes=100))
    with pytest.raises(Terminal, match="more than 100 bytes"):
        ask(hub, exchange_site)


@pytest.mark.parametrize(("seconds", "words", "chinese"), [(1000, "ahead of", "快"), (-1000, "behind", "慢")])
def test_a_wrong_clock_is_explained(
    exchange_site: Any, monkeypatch: pytest.MonkeyPatch, seconds: int, words: str, chinese: str
) -> None:
    hub = Hub(exchange_site.url, exchange_site.signer, exchange_site.jwks)
    right = time.time
    begun = right()
    monkeypatch.setattr("exchange_api.client.wire.time.time", lambda: right() + seconds)
    with pytest.raises(Refused) as refused:
        ask(hub, exchange_site)
    assert refused.value.code == "signature.clock"
    assert abs(abs(refused.value.clock_difference or 0) - 1000) <= right() - begun + 2
    assert words in refused.value.remedy("en")
    assert chinese in refused.value.remedy("zh")


def test_a_dry_run_gives_forms_and_counts_nothing(exchange_site: Any, hub: Hub) -> None:
    used = exchange_site.used(GRANT)
    rehearsal = hub.dry_run("population", GRANT, exchange_site.purpose, exchange_site.people[:2], items=["name"])
    assert rehearsal.would_answer == {"name": "full"}
    assert exchange_site.used(GRANT) == used


def test_values_have_types_and_stay_out_of_logs(exchange_site: Any, hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    person = exchange_site.people[0]
    with caplog.at_level(logging.DEBUG):
        found = ask(hub, exchange_site)
        someday = ask(hub, exchange_site, as_of="2030-01-01")
    (record,) = found.of(person)
    assert record.sources["name"].resource == "public_security.resident"
    assert found.known_at.tzinfo is not None
    assert someday.as_of.year == 2030
    verdicts = hub.verify("population", GRANT, exchange_site.purpose, [{"subject": person, "values": {"name": "谁"}}])
    assert verdicts.verdicts[0].matches == {"name": False}
    said = caplog.text + repr(found) + repr(verdicts) + repr(found.answer)
    assert person not in said
    assert record.values["name"] not in said


def test_the_same_question_again_is_the_same_answer(exchange_site: Any, hub: Hub) -> None:
    first = ask(hub, exchange_site)
    again = ask(hub, exchange_site, request_id=first.answer.request.headers["x-request-id"])
    assert (again.receipt_id, again.records) == (first.receipt_id, first.records)


def test_many_are_awaited_at_once(exchange_site: Any, hub: Hub) -> None:
    async def both() -> list[Any]:
        async with AsyncHub(hub, at_once=8) as waiting:
            people = exchange_site.people[:20]
            return await asyncio.gather(
                *(waiting.query("population", GRANT, exchange_site.purpose, [one]) for one in people)
            )

    answers = asyncio.run(both())
    assert [one.records[0].key for one in answers] == exchange_site.people[:20]
    assert len({one.receipt_id for one in answers}) == 20
    assert len(list(hub.shelf.folder.glob("*.waiting"))) == 20  # type: ignore[union-attr]


def test_a_receipt_lies_on_the_shelf_before_the_answer_is_believed_to_be_there(
    exchange_site: Any, tmp_path: Path
) -> None:
    """The process is killed the moment `query` returns; another one makes the receipt."""
    program = (
        "import json, os, sys; from pathlib import Path; from exchange_api.client import Hub\n"
        "url, grant, purpose, person = json.loads(sys.stdin.read())\n"
        "hub = Hub(url, Path('key.pem'), Path('jwks.json'), Path('receipts'))\n"
        "print(hub.query('population', grant, purpose, [person]).receipt_id, flush=True); os.kill(os.getpid(), 9)"
    )
    (tmp_path / "key.pem").write_bytes(exchange_site.signer.pem())
    (tmp_path / "jwks.json").write_text(json.dumps(exchange_site.jwks), "utf-8")
    said = json.dumps([exchange_site.url, GRANT, exchange_site.purpose, exchange_site.people[0]])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=said,
        text=True,
        capture_output=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    _sequence(exchange_site)
    (receipt,) = Hub(
        exchange_site.url, exchange_site.signer, exchange_site.jwks, tmp_path / "receipts"
    ).collect_receipts()
    assert receipt.stem == done.stdout.strip()
    assert verify_receipt(receipt.read_bytes(), exchange_site.jwks).verified


def _sequence(site: Any) -> None:
    with Session(site.engine) as session:
        signer = active_signer(session, Path(site.environment["HUTONG_KEYS_FOLDER"]))
        while sequence_once(session, signer, "hutong.local/log"):
            session.commit()
        session.commit()


# --- the wheel alone ----------------------------------------------------------------------------------------------------

ALLOWED = (
    "requests",
    "urllib3",
    "certifi",
    "idna",
    "charset_normalizer",
    "cryptography",
    "cffi",
    "_cffi_backend",
    "pycparser",
)
ALONE = """
import importlib.abc, json, sys
sys.path[:0] = json.loads(sys.argv[1])
allowed = set(json.loads(sys.argv[2])) | set(sys.stdlib_module_names) | {"hutong_client"}
class Nothing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] not in allowed:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Nothing())
from pathlib import Path
from hutong_client import Hub, Invalid, Refused
url, purpose, person = json.loads(sys.stdin.read())
hub = Hub(url, Path("key.pem"), Path("jwks.json"), Path("receipts"))
found = hub.query("population", "SQ-2026-000001", purpose, [person])
try:
    hub.query("population", "SQ-2026-000003", purpose, [person])
except Refused as refused:
    code = refused.code
try:
    Hub(url, b"no key")
except Invalid as wrong:
    words = wrong.title("zh")
input_ = sorted({name.split(".")[0] for name in sys.modules} & {"exchange_api", "schemas", "yaml", "pydantic", "sqlalchemy"})
print(json.dumps([found.receipt_id, found.records[0].values["name"], code, words, input_]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel hutong-client, built here and installed into an empty folder."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    built = ["wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *built, str(ROOT / "exchange_api" / "client")], check=True, cwd=folder)
    (made,) = folder.glob("hutong_client-*.whl")
    target = folder / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(made)], check=True)
    return target


def test_the_wheel_runs_with_requests_and_cryptography_only(exchange_site: Any, wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(exchange_site.signer.pem())
    (tmp_path / "jwks.json").write_text(json.dumps(exchange_site.jwks), "utf-8")
    places = [
        str(wheel),
        *{str(Path(sys.modules[name].__file__ or "").parents[1]) for name in ("requests", "cryptography")},
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ALONE, json.dumps(places), json.dumps(ALLOWED)],
        input=json.dumps([exchange_site.url, exchange_site.purpose, exchange_site.people[0]]),
        text=True, capture_output=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    receipt_id, name, code, words, ours = json.loads(done.stdout)
    assert (name, code, ours) == ("欧阳小0", "grant.suspended", [])
    assert "PEM" in words
    assert (tmp_path / "receipts" / f"{receipt_id}.waiting").exists()


def test_the_wheel_does_not_carry_what_it_could_not_run(tmp_path: Path) -> None:
    from exchange_api.client.bundling import write_modules

    room = tmp_path / "exchange_api" / "client"
    room.mkdir(parents=True)
    (room / "hub.py").write_text("from exchange_api.delivery import query\n", "utf-8")
    with pytest.raises(ValueError, match=r"cannot carry exchange_api\.delivery"):
        write_modules(tmp_path, tmp_path / "made")
