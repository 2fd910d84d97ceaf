"""Keys change under running workers: no answer ever fails against keys published before it, and a key that leaked or cannot be opened signs nothing."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, func, select
from sqlalchemy.orm import Session

from exchange_api import hub as hub_room
from exchange_api.evidence.keyring import announce_key, ensure_active_key, revoke_key, roll_key
from exchange_api.keeping.kek import make_kek_file
from exchange_api.keeping.privates import KeyOrder
from exchange_api.keys import jwks
from exchange_api.signing import Request, Response, public_key_from_jwk, verify_response
from exchange_api.signing.responses import second_keyid, verify_second_signature
from exchange_api.signing.sm2 import sm2_key_from_jwk
from schemas.errors import Denied
from schemas.migrations import upgrade
from schemas.tables.base import CHANGES_CHANNEL
from tests.exchange_api.promptly import within_a_second
from tests.exchange_api.test_pkcs11 import MODULE

AHEAD = timedelta(seconds=2)
KEPT_S = 1.0
"""For how long a reader keeps the keys it fetched; what is left of AHEAD is for the key's way to being published."""
PATH = "/v1/errors"


@dataclass
class House:
    """A database with keys, and servers over it."""

    engine: Engine
    keys: Path
    environment: dict[str, str]
    serve: Any
    site: Any

    def act(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """Take a step of a key's life and commit it."""
        with Session(self.engine) as session:
            done = step(session, *arguments)
            session.commit()
            return done

    @contextlib.contextmanager
    def worker(self, **more: str) -> Iterator[Any]:
        """A worker as an application system sees it."""
        log = self.keys.parent / "server.log"
        with self.serve(self.environment | more, log) as authority:
            signers = self.site.signer, self.site.other_signer
            yield type(self.site)(f"http://{authority}", authority, self.engine, {"keys": []}, *signers, log)


@pytest.fixture(scope="module")
def house(
    exchange_site: Any, new_database: Callable[[], URL], serve: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """A hub whose keys are sealed."""
    url, folder = new_database(), tmp_path_factory.mktemp("house")
    upgrade(url)
    engine, keys, kek = create_engine(url), folder / "keys", folder / "safe" / "kek"
    make_kek_file(kek, keys)
    environment = {
        "HUTONG_DATABASE_URL": url.render_as_string(hide_password=False),
        "HUTONG_KEYS_FOLDER": str(keys),
        "HUTONG_KEYS_AHEAD_S": "77",
        "HUTONG_KEK_FILE": str(kek),
    }
    found = House(engine, keys, environment, serve, exchange_site)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUTONG_KEK_FILE", str(kek))
        found.act(ensure_active_key, keys)
        yield found
    engine.dispose()


@pytest.fixture(scope="module")
def pair(house: House) -> Iterator[tuple[Any, Any]]:
    """Two workers of that hub."""
    with house.worker() as one, house.worker() as other:
        yield one, other


def _published(site: Any) -> dict[str, Any]:
    """The key set as anybody fetches it, and what is said of keeping it."""
    connection = HTTPConnection(site.authority, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/.well-known/jwks.json")
        answer = connection.getresponse()
        return {**json.loads(answer.read()), "told": answer.getheader("cache-control")}


@dataclass
class Reader:
    """Asks a worker again and again, and checks each answer with a key set it fetched up to a second before."""

    site: Any
    seen: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until told to stop."""
        fetched, published = float("-inf"), {}
        while not self.stop.is_set():
            if time.monotonic() - fetched > KEPT_S / 2:
                fetched, published = time.monotonic(), _published(self.site)
            request, response = self.site.ask(None, PATH, method="GET")
            if time.monotonic() - fetched > KEPT_S:
                continue  # it came so late that other keys are to be fetched first
            try:
                keyid = _verify(request, response, published)
                self.seen[keyid] = self.seen.get(keyid, 0) + 1
            except (Denied, KeyError) as wrong:
                self.failed.append(str(wrong))


def _verify(request: Request, response: Response, published: dict[str, Any]) -> str:
    keys = {one["kid"]: public_key_from_jwk(one, one["kid"]) for one in published["keys"] if one["crv"] != "SM2"}
    return verify_response(response, request, keys.get).keyid


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_rolling_under_load_no_answer_is_unknown_to_who_cached_the_keys(house: House, pair: tuple[Any, Any]) -> None:
    readers = [Reader(site) for site in (*pair, *pair)]
    threads = [threading.Thread(target=reader.run) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        _until(lambda: all(reader.seen for reader in readers), "all are answered")
        for _ in range(2):
            rolled = _roll_when_known(house)
            _until(partial(_is_used_by_all, readers, rolled), "the new key is used by all")
    finally:
        for reader in readers:
            reader.stop.set()
        for thread in threads:
            thread.join()
    assert [reader.failed for reader in readers] == [[]] * 4
    assert all(len(reader.seen) == 3 for reader in readers), "each worker signed with each of three keys"


def _is_used_by_all(readers: list[Reader], keyid: str) -> bool:
    return all(reader.seen.get(keyid, 0) > 3 for reader in readers)


def _roll_when_known(house: House) -> str:
    """Publish the next key and use it as soon as that is allowed."""
    keyid: str = house.act(announce_key, house.keys)
    rolled: list[str] = []

    def is_rolled() -> bool:
        with contextlib.suppress(Denied):
            rolled.append(house.act(roll_key, house.keys, None, AHEAD))
        return bool(rolled)

    with pytest.raises(Denied, match=r"key\.too_fresh"):  # a key published this moment is not used
        house.act(roll_key, house.keys, None, timedelta(hours=1))
    _until(is_rolled, "the key is old enough")
    assert rolled == [keyid]
    return keyid


def test_a_revoked_key_signs_nothing_more_within_a_second(house: House, pair: tuple[Any, Any]) -> None:
    old = house.act(roll_key, house.keys)
    for site in pair:
        within_a_second(partial(_signed_by, site), lambda keyid: keyid == old)
    new = house.act(roll_key, house.keys)
    house.act(revoke_key, old, house.keys)
    for site in pair:
        within_a_second(partial(_signed_by, site), lambda keyid: keyid == new)
    house.act(revoke_key, new, house.keys)
    for site in pair:
        within_a_second(partial(_signed_by, site), lambda keyid: keyid is None)
    assert json.loads(pair[0].ask(None, PATH, method="GET")[1].body)["code"] == "key.none_active"
    house.act(ensure_active_key, house.keys)
    for site in pair:
        within_a_second(partial(_signed_by, site), lambda keyid: keyid not in {None, old, new})


def _signed_by(site: Any) -> str | None:
    told: str = site.ask(None, PATH, method="GET")[1].headers.get("signature-input", "")
    return told.partition('keyid="')[2].partition('"')[0] or None


def test_of_two_looks_for_the_key_the_last_begun_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A roll and a revocation are announced at once, and what was read before the second one comes last."""
    begun, come = threading.Event(), threading.Event()

    def find() -> str:
        if begun.is_set():
            return "in use"
        begun.set()
        come.wait(60)
        return "revoked"

    monkeypatch.setattr(hub_room, "_find_signer", find)

    async def look() -> Any:
        hub = hub_room.Hub()
        early = asyncio.create_task(hub.load_signer())
        await asyncio.to_thread(begun.wait, 60)
        await hub.load_signer()
        come.set()
        await early
        hub.apart.close()
        return hub.signer

    assert asyncio.run(look()) == "in use"


def test_the_key_set_may_be_kept_as_long_as_keys_are_published_ahead(pair: tuple[Any, Any]) -> None:
    assert _published(pair[0])["told"] == "public, max-age=77"


def test_a_worker_with_another_key_encryption_key_refuses_and_says_why_in_its_log(house: House) -> None:
    kek = house.keys.parent / "elsewhere" / "kek"
    make_kek_file(kek, house.keys)
    with house.worker(HUTONG_KEK_FILE=str(kek)) as site:
        _, response = site.ask(site.asking())
        assert (response.status, json.loads(response.body)["code"]) == (503, "key.none_active")
        assert "signature" not in response.headers
        assert "key.kek_wrong" in site.log.read_text()


def test_a_key_that_could_not_be_opened_for_a_while_signs_again_although_nobody_announces_it(house: House) -> None:
    kept = Path(house.environment["HUTONG_KEK_FILE"])
    kek, away = kept.with_name("mounted"), kept.with_name("unmounted")
    shutil.copy2(kept, kek)
    with house.worker(HUTONG_KEK_FILE=str(kek)) as site:

        def asked() -> int:
            return int(site.ask(None, PATH, method="GET")[1].status)

        assert asked() == 200
        kek.rename(away)
        house.act(lambda session: session.execute(select(func.pg_notify(CHANGES_CHANNEL, "signing_keys"))))
        within_a_second(asked, lambda status: status == 503)
        away.rename(kek)
        deadline = time.monotonic() + 60
        while asked() != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_answers_carry_both_signatures_and_the_ledger_keeps_them(house: House) -> None:
    second = house.act(roll_key, house.keys, KeyOrder("sm2-sm3"))
    with house.worker(HUTONG_SM2="on") as site:
        site.jwks = _published(site)
        request, response = site.ask(None, PATH, method="GET")
        entry = site.check(request, response)
    assert second_keyid(response) == second
    (jwk,) = [one for one in site.jwks["keys"] if one["kid"] == second]
    assert verify_second_signature(response, request, lambda keyid: sm2_key_from_jwk(jwk, keyid)) is not None
    kept = json.loads(entry.document)["response"]["headers"]
    assert [kept[name] for name in ("signature", "signature-input")] == [
        response.headers[name] for name in ("signature", "signature-input")
    ]


@pytest.mark.skipif(
    not MODULE or not shutil.which("softhsm2-util"), reason="needs SoftHSM 2: make servers, or apt-get install softhsm2"
)
def test_a_worker_whose_token_goes_away_refuses_and_goes_on_when_it_is_back(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = _token(tmp_path)
    for name, value in token.items():
        monkeypatch.setenv(name, value)
    keyid = house.act(roll_key, house.keys, KeyOrder(is_token=True))
    tokens = tmp_path / "tokens"
    with house.worker(**token) as site:
        assert _signed_by(site) == keyid
        tokens.rename(tmp_path / "unplugged")
        tokens.mkdir()
        _, response = site.ask(None, PATH, method="GET")
        assert (response.status, json.loads(response.body)["code"]) == (503, "key.token_unavailable")
        assert "signature" not in response.headers
        tokens.rmdir()
        (tmp_path / "unplugged").rename(tokens)
        site.jwks = house.act(jwks)
        site.check(*site.ask(None, PATH, method="GET"))


def _token(folder: Path) -> dict[str, str]:
    """Make a SoftHSM token and return the environment of who uses it."""
    settings, pin = folder / "softhsm2.conf", folder / "pin"
    (folder / "tokens").mkdir()
    settings.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    pin.write_text("5678")
    environment = {
        "SOFTHSM2_CONF": str(settings),
        "HUTONG_PKCS11_MODULE": str(MODULE),
        "HUTONG_PKCS11_TOKEN": "worker",
        "HUTONG_PKCS11_PIN_FILE": str(pin),
    }
    order = ["softhsm2-util", "--init-token", "--free", "--label", "worker", "--so-pin", "1234", "--pin", "5678"]
    subprocess.run(order, check=True, capture_output=True, env=environment | {"PATH": "/usr/bin:/bin:/usr/local/bin"})
    return environment
