"""A key that never leaves its token signs like any other, outlives the token's absence, and cannot be taken for another."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from exchange_api.evidence.checkpoint import Checkpoint, sign_checkpoint, verify_checkpoint
from exchange_api.evidence.keyring import ensure_active_key, retire_key, roll_key
from exchange_api.keeping.privates import KeyOrder, place_of
from exchange_api.keys import active_signer, jwks, log_signer, public_key_from_jwk
from exchange_api.signing import Algorithm, SoftwareSigner
from exchange_api.signing.apart import Apart
from exchange_api.signing.hsm import Token, TokenSettings, TokenSigner, make_token_key, open_token
from exchange_api.signing.second import PairedSigner
from schemas.errors import Denied, Transient
from schemas.tables.evidence import SigningKey

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
MODULE = next((path for path in MODULES if Path(path).exists()), None)
pytestmark = pytest.mark.skipif(
    not MODULE or not shutil.which("softhsm2-util"), reason="needs SoftHSM 2: make servers, or apt-get install softhsm2"
)
pytest.importorskip("pkcs11", reason="needs python-pkcs11: pip install hutong[hsm]")


@dataclass(frozen=True)
class Device:
    """A SoftHSM that can be unplugged."""

    tokens: Path
    label: str
    pin_file: Path

    def token(self) -> Token:
        """Return the way to it."""
        return Token(Path(str(MODULE)), self.label, self.pin_file)

    def unplug(self) -> None:
        """Take the token away, as a cable does."""
        self.tokens.rename(self.tokens.with_name("unplugged"))
        self.tokens.mkdir()

    def plug_in(self) -> None:
        """Put it back."""
        self.tokens.rmdir()
        self.tokens.with_name("unplugged").rename(self.tokens)


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    folder = tmp_path_factory.mktemp("softhsm")
    tokens, pin = folder / "tokens", folder / "pin"
    tokens.mkdir()
    pin.write_text("5678\n")
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(settings))
        order = ["softhsm2-util", "--init-token", "--free", "--label", "hub", "--so-pin", "1234", "--pin", "5678"]
        subprocess.run(order, check=True, capture_output=True)
        yield Device(tokens, "hub", pin)


@pytest.fixture
def configured(device: Device, monkeypatch: pytest.MonkeyPatch) -> Device:
    """An installation whose settings name the token."""
    for name, value in (("MODULE", MODULE), ("TOKEN", device.label), ("PIN_FILE", device.pin_file)):
        monkeypatch.setenv(f"HUTONG_PKCS11_{name}", str(value))
    return device


def _signer(device: Device, algorithm: Algorithm = "ed25519") -> TokenSigner:
    token = device.token()
    return TokenSigner(token, *make_token_key(token, algorithm))


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256-sha256"])
def test_a_token_signs_what_its_public_key_verifies(device: Device, algorithm: Algorithm) -> None:
    signer = _signer(device, algorithm)
    signature = signer.sign(b"x" * 400)
    assert signer.algorithm == algorithm
    assert len(signature) == 64
    key = public_key_from_jwk(signer.public.jwk)
    assert key.verify(signature, b"x" * 400)
    assert not key.verify(signature, b"y" * 400)


def test_the_private_key_cannot_be_read(device: Device) -> None:
    from pkcs11 import Attribute, AttributeSensitive, ObjectClass

    token = device.token()
    label, _ = make_token_key(token)

    def look(session: Any) -> tuple[bool, bool, bool]:
        key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)
        try:
            is_told = bool(key[Attribute.VALUE])
        except AttributeSensitive:
            is_told = False
        return is_told, key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE]

    assert token.run(look) == (False, True, False)


def test_making_a_key_under_a_label_again_gives_the_same(device: Device) -> None:
    token = device.token()
    first = make_token_key(token, label="hub-2026")
    assert make_token_key(token, label="hub-2026") == first


def test_signing_goes_on_after_the_token_was_away(device: Device) -> None:
    signer = _signer(device)
    assert signer.public.verify(signer.sign(b"before"), b"before")
    device.unplug()
    try:
        with pytest.raises(Transient, match=r"key\.token_unavailable"):
            signer.sign(b"while away")
    finally:
        device.plug_in()
    assert signer.public.verify(signer.sign(b"after"), b"after")


def test_two_keys_of_one_token_share_its_session_and_its_absence(device: Device) -> None:
    token = device.token()
    signers = [TokenSigner(token, *make_token_key(token)) for _ in range(2)]
    device.unplug()
    with pytest.raises(Transient):
        signers[0].sign(b"x")
    device.plug_in()
    for signer in signers:
        assert signer.public.verify(signer.sign(b"x"), b"x")


def test_many_threads_sign_at_once(device: Device) -> None:
    signer, good = _signer(device), []

    def work(number: int) -> None:
        for turn in range(25):
            data = f"{number}/{turn}".encode()
            good.append(signer.public.verify(signer.sign(data), data))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert good == [True] * 150


def test_a_wrong_pin_is_told_without_the_pin(device: Device, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text("9999")
    with pytest.raises(Transient, match=r"key\.token_unavailable") as refused:
        make_token_key(Token(Path(str(MODULE)), device.label, pin))
    assert "9999" not in str(refused.value)


@pytest.mark.parametrize("missing", ["HUTONG_PKCS11_MODULE", "HUTONG_PKCS11_PIN_FILE"])
def test_a_token_nobody_configured_is_named(configured: Device, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(Transient, match="is not set"):
        open_token()
    assert TokenSettings().pkcs11_token == configured.label


@pytest.fixture
def keys(session: Session, configured: Device, tmp_path: Path) -> Path:
    """The keys folder of a hub with a software key, whose next ones may lie in a token."""
    session.query(SigningKey).delete()
    assert configured.tokens.is_dir()
    ensure_active_key(session, tmp_path / "keys")
    return tmp_path / "keys"


def test_a_hub_rolls_to_a_key_in_the_token_and_back(session: Session, keys: Path) -> None:
    software = active_signer(session, keys)
    keyid = roll_key(session, keys, KeyOrder(is_token=True))
    signer = active_signer(session, keys)
    assert (signer.keyid, place_of(keys, keyid)) == (keyid, "token")
    assert signer.public.verify(signer.sign(b"x"), b"x")
    assert not (keys / f"{keyid}.pem").exists()
    note = sign_checkpoint(Checkpoint("hub.example/log", 1, bytes(32)), log_signer(session, keys), signer.public)
    assert verify_checkpoint(note, [signer.public])[1] == signer.public
    states = {key["kid"]: key["hutong:state"] for key in jwks(session)["keys"]}
    assert states == {software.keyid: "retired", keyid: "active"}
    roll_key(session, keys)
    assert place_of(keys, active_signer(session, keys).keyid) == "plain"


def test_a_token_without_ed25519_signs_answers_while_the_log_keeps_its_own(session: Session, keys: Path) -> None:
    software = log_signer(session, keys).keyid
    keyid = roll_key(session, keys, KeyOrder("ecdsa-p256-sha256", is_token=True))
    assert active_signer(session, keys).keyid == keyid
    assert log_signer(session, keys).keyid == software
    assert {key["alg"] for key in jwks(session)["keys"]} == {"Ed25519", "ES256"}
    retire_key(session, keyid, keys)
    assert active_signer(session, keys).keyid == software
    with pytest.raises(Denied, match=r"key\.state"):
        retire_key(session, software, keys)


def test_a_token_away_at_the_start_is_said_and_nothing_else_signs(session: Session, keys: Path, device: Device) -> None:
    keyid = roll_key(session, keys, KeyOrder(is_token=True))
    device.unplug()
    try:
        with pytest.raises(Transient, match=r"key\.token_unavailable"):
            active_signer(session, keys)
    finally:
        device.plug_in()
    assert active_signer(session, keys).keyid == keyid


def test_another_key_under_the_published_keys_label_is_not_used(session: Session, keys: Path) -> None:
    keyid = roll_key(session, keys, KeyOrder(is_token=True, label="first"))
    make_token_key(open_token(), label="second")
    (keys / f"{keyid}.token.json").write_text('{"token": "hub", "key": "second"}')
    with pytest.raises(Transient, match=r"holds no key second with id"):
        active_signer(session, keys)


def test_another_process_signs_with_the_same_key(session: Session, keys: Path) -> None:
    keyid = roll_key(session, keys, KeyOrder(is_token=True))
    program = (
        "import sys; from pathlib import Path; from exchange_api.keeping.privates import load\n"
        "print(load(Path(sys.argv[1]), sys.argv[2]).sign(b'x').hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(keys), keyid], capture_output=True, text=True, check=True, env=os.environ
    )
    assert active_signer(session, keys).public.verify(bytes.fromhex(done.stdout.strip()), b"x")


def test_a_token_that_keeps_waiting_holds_up_nobody_who_does_not_need_it(device: Device) -> None:
    signer, stuck, free = _signer(device), threading.Event(), threading.Event()
    public = public_key_from_jwk(signer.public.jwk)

    def hang(_: Any) -> None:
        stuck.set()
        free.wait(30)

    async def story() -> None:
        apart = Apart(most=3, patience=2)
        busy = threading.Thread(target=device_token.run, args=(hang,))
        busy.start()
        stuck.wait(30)
        asked = [asyncio.create_task(apart.run(signer, partial(signer.sign, b"x"))) for _ in range(4)]
        turns = 0
        while not all(one.done() for one in asked):
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > 20, "the loop went on while the token hung"
        refused = [one.exception() for one in asked]
        assert {getattr(one, "code", None) for one in refused} == {"key.token_unavailable"}
        assert sum("wait for it" in str(one) for one in refused) == 1, "only so many may wait"
        free.set()
        await asyncio.to_thread(busy.join)
        assert public.verify(await apart.run(signer, partial(signer.sign, b"x")), b"x")
        assert apart.waiting == 0
        apart.close()

    device_token = signer._token
    try:
        asyncio.run(story())
    finally:
        free.set()


def test_keys_in_software_sign_at_once_and_keys_in_a_token_apart(device: Device) -> None:
    software = SoftwareSigner.generate()
    assert not Apart.is_needed(software)
    assert not Apart.is_needed(None)
    assert Apart.is_needed(_signer(device))
    assert Apart.is_needed(PairedSigner(_signer(device), software))
    assert not Apart.is_needed(PairedSigner(software, software))
