"""A witness cosigns what only grows, remembers it over any crash, and refuses everything else by the number the standard names."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange_api.evidence.checkpoint import Checkpoint, add_lines, parse_checkpoint, sign_checkpoint, verify_checkpoint
from exchange_api.evidence.cosignature import LOG, WITNESS, VerifierKey, cosign, verify_cosignature
from exchange_api.evidence.merkle import consistency_spans, span_root
from exchange_api.evidence.submission import write_submission
from exchange_api.evidence.tiles import edge_tiles, grow_tiles, read_node
from exchange_api.signing import SoftwareSigner, public_key_from_jwk
from exchange_api.signing.algorithms import encode_base64url
from exchange_api.witness import memory
from exchange_api.witness.judging import Verdict, Witness
from exchange_api.witness.serving import WitnessServer
from schemas.errors import Denied, Invalid

ORIGIN = "hub.example/log"
NAME = "witness.archives.example/1"


class GrowingLog:
    """A log held in memory, with a key of its own; two with other seeds are two forks."""

    def __init__(self, signer: SoftwareSigner, fork_at: int = 1_000_000) -> None:
        self.signer, self.fork_at = signer, fork_at
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.size = 0

    @property
    def vkey(self) -> VerifierKey:
        return VerifierKey(ORIGIN, LOG, self.signer.public)

    def grow(self, count: int) -> None:
        edge = {one: self.tiles[one] for one in edge_tiles(self.size)}
        numbers = range(self.size, self.size + count)
        leaves = (hashlib.sha256(b"\x00%d%s" % (i, b"fork" * (i >= self.fork_at))).digest() for i in numbers)
        self.tiles |= grow_tiles(edge, self.size, b"".join(leaves))
        self.size += count

    def root(self, span: tuple[int, int]) -> bytes:
        return span_root(span, lambda level, index: read_node(self.tiles, (level, index)))

    def note(self, size: int) -> str:
        return sign_checkpoint(Checkpoint(ORIGIN, size, self.root((0, size))), self.signer, self.signer.public)

    def submission(self, old: int, new: int) -> bytes:
        path = [self.root(span) for span in consistency_spans(old, new)] if 0 < old <= new else []
        return write_submission(old, path, self.note(new)).encode()


@pytest.fixture
def log() -> GrowingLog:
    """A log of 300 entries."""
    found = GrowingLog(SoftwareSigner.generate())
    found.grow(300)
    return found


@pytest.fixture
def folder(tmp_path: Path, log: GrowingLog) -> Path:
    """A witness that knows the log and has cosigned nothing yet."""
    memory.create(tmp_path / "w", NAME)
    with memory.opened(tmp_path / "w") as found:
        found.trust(log.vkey)
    return tmp_path / "w"


def _judge(folder: Path, body: bytes, at: int = 1_700_000_000) -> Verdict:
    """Every submission meets a witness that was just started again."""
    with memory.opened(folder) as found:
        return Witness(found, lambda: at).judge(body)


def _vkey(folder: Path) -> VerifierKey:
    with memory.opened(folder) as found:
        return found.vkey


def test_a_growing_log_is_cosigned_step_by_step(folder: Path, log: GrowingLog) -> None:
    for old, new in ((0, 1), (1, 7), (7, 7), (7, 256), (256, 300)):
        verdict = _judge(folder, log.submission(old, new))
        assert verdict.status == 200, verdict
        checkpoint, _ = parse_checkpoint(log.note(new))
        assert verify_cosignature(verdict.body.rstrip("\n"), checkpoint, _vkey(folder)) == 1_700_000_000
        note = add_lines(log.note(new), verdict.body.splitlines())
        assert verify_checkpoint(note, [log.signer.public])[0] == checkpoint


def test_a_fork_is_refused_and_nothing_of_it_remembered(folder: Path, log: GrowingLog) -> None:
    fork = GrowingLog(log.signer, fork_at=50)
    fork.grow(300)
    assert _judge(folder, log.submission(0, 100)).status == 200
    assert _judge(folder, fork.submission(100, 100)) == Verdict(409, "100\n", "text/x.tlog.size")
    assert _judge(folder, fork.submission(100, 200)).status == 422
    assert _judge(folder, fork.submission(0, 200)) == Verdict(409, "100\n", "text/x.tlog.size")
    assert _judge(folder, log.submission(100, 200)).status == 200


def test_a_log_never_shrinks(folder: Path, log: GrowingLog) -> None:
    assert _judge(folder, log.submission(0, 200)).status == 200
    assert _judge(folder, log.submission(100, 100)).status == 409
    assert _judge(folder, log.submission(200, 100)).status == 400


def test_strangers_are_refused_each_by_its_number(folder: Path, log: GrowingLog) -> None:
    other = GrowingLog(SoftwareSigner.generate())
    other.grow(5)
    assert _judge(folder, other.submission(0, 5)).status == 403
    assert _judge(folder, log.submission(0, 5).replace(b"hub.example/log", b"hub.example/other")).status == 404
    assert _judge(folder, log.submission(0, 5)).status == 200
    right = log.submission(5, 9)
    assert _judge(folder, right.replace(b"old 5\n", b"old 5\n" + bytes(43).replace(b"\0", b"A") + b"=\n")).status == 422
    assert _judge(folder, right).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\n\n", b"old\n\n", b"old 05\n\nx", b"old -1\n\n", b"\xff\xfe", b"new 0\n\nhub.example/log\n0\n\n",
        "old ٣\n\nx".encode(), b"old 0\nAAAA\n\nhub.example/log\n1\nAAAA\n\n\xe2\x80\x94 x AAAA\n",
        b"old 0\n" + b"A" * 43 + b"=\n" * 64 + b"\n",
    ],
)  # fmt: skip
def test_what_is_not_in_form_is_refused_as_that(folder: Path, body: bytes) -> None:
    assert _judge(folder, body).status == 400


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_changed_bit_is_cosigned_as_something_else(tmp_path: Path, data: st.DataObject) -> None:
    log, place = GrowingLog(SoftwareSigner.generate()), tmp_path / os.urandom(6).hex()
    log.grow(60)
    memory.create(place, NAME)
    with memory.opened(place) as found:
        found.trust(log.vkey)
        witness = Witness(found)
        assert witness.judge(log.submission(0, 20)).status == 200
        body = bytearray(log.submission(20, 60))
        position, bit = data.draw(st.integers(0, len(body) * 8 - 1).map(lambda n: divmod(n, 8)))
        body[position] ^= 1 << bit
        verdict = witness.judge(bytes(body))
        assert verdict.status in (400, 403, 404, 409, 422), bytes(body)
        assert found.logs[ORIGIN].size == 20


def test_the_memory_outlives_the_process_and_a_half_written_file(folder: Path, log: GrowingLog) -> None:
    assert _judge(folder, log.submission(0, 100)).status == 200
    (folder / "witness.json.draft").write_text('{"half":')  # died in the middle of writing
    assert _judge(folder, log.submission(0, 50)).body == "100\n"
    (folder / "witness.json").unlink()
    with pytest.raises(Invalid, match=r"witness\.none"), memory.opened(folder):
        pass  # never anew under the old key
    with pytest.raises(Denied, match=r"witness\.exists"):
        memory.create(folder, NAME)


def test_two_processes_never_are_one_witness(folder: Path) -> None:
    with memory.opened(folder), pytest.raises(Denied, match=r"witness\.taken"), memory.opened(folder):
        pass


def test_a_log_goes_on_under_its_next_key_when_both_are_trusted(folder: Path, log: GrowingLog) -> None:
    assert _judge(folder, log.submission(0, 10)).status == 200
    old, log.signer = log.vkey, SoftwareSigner.generate()
    assert _judge(folder, log.submission(10, 20)).status == 403
    with memory.opened(folder) as found:
        found.trust(log.vkey)
        found.forget_key(old)
    assert _judge(folder, log.submission(10, 20)).status == 200


def test_the_cosignature_of_the_standards_example_has_its_key_id_and_form() -> None:
    line = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    key = SoftwareSigner.generate()
    checkpoint = Checkpoint("example.com/behind-the-sofa", 20_852_163, bytes(32))
    assert verify_cosignature(line, checkpoint, VerifierKey("witness.example.com/w1", WITNESS, key.public)) is None
    mine = cosign(checkpoint, VerifierKey("w", WITNESS, key.public), key, 1_679_315_147)
    assert re.fullmatch(r"— w [A-Za-z0-9+/]+={0,2}", mine)
    assert verify_cosignature(mine, checkpoint, VerifierKey("w", WITNESS, key.public)) == 1_679_315_147
    with pytest.raises(ValueError, match="wrong"):
        verify_cosignature(mine, Checkpoint("other", 1, bytes(32)), VerifierKey("w", WITNESS, key.public))


def test_verifier_keys_have_one_spelling() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(bytes(range(32)))}
    text = str(VerifierKey("log.example", LOG, public_key_from_jwk(jwk)))
    assert str(VerifierKey.parse(text)) == text
    for bad in ("", "x", text + "=", text.replace("+", " ", 1), "other" + text, text[:-1], text.replace("log", "l g")):
        with pytest.raises(Invalid, match=r"witness\.key_malformed"):
            VerifierKey.parse(bad)


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """The witness behind its port."""
    with memory.opened(folder) as found, WitnessServer(("127.0.0.1", 0), Witness(found)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield "127.0.0.1", int(server.server_address[1])
        server.shutdown()
        thread.join()


def _post(address: tuple[str, int], path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection(*address, timeout=20)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_over_http_only_small_submissions_are_heard(served: tuple[str, int], log: GrowingLog) -> None:
    assert _post(served, "/add-checkpoint", log.submission(0, 9))[0] == 200
    assert _post(served, "/add-checkpoint", b"")[0] == 400
    assert _post(served, "/other", log.submission(9, 12))[0] == 404
    connection = HTTPConnection(*served, timeout=20)
    connection.putrequest("POST", "/add-checkpoint")
    connection.putheader("content-length", str(1 << 30))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_many_callers_at_once_get_one_growing_history(served: tuple[str, int], log: GrowingLog) -> None:
    answers: list[int] = []
    callers = [Thread(target=lambda n=n: answers.append(_post(served, "/add-checkpoint", log.submission(0, n))[0])) for n in range(1, 13)]  # fmt: skip
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(set(answers)) == [200, 409]
    assert answers.count(200) == 1


def test_the_command_makes_a_witness_and_keeps_it_over_a_kill(tmp_path: Path, log: GrowingLog) -> None:
    command = [sys.executable, "-m", "hutong", "witness"]
    place = ("--folder", str(tmp_path / "w"))
    made = subprocess.run([*command, "init", NAME, *place], capture_output=True, text=True, check=True)
    assert VerifierKey.parse(made.stdout.strip()).name == NAME
    subprocess.run([*command, "trust", str(log.vkey), *place], capture_output=True, check=True)
    for old, new, end in ((0, 10, signal.SIGKILL), (10, 30, signal.SIGTERM)):
        process = subprocess.Popen([*command, "run", "--port", "0", *place], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        assert _post(("127.0.0.1", port), "/add-checkpoint", log.submission(old, new))[0] == 200
        process.send_signal(end)
        process.wait(60)
        process.stdout.close()
    shown = subprocess.run([*command, "show", *place], capture_output=True, text=True, check=True)
    assert f"{ORIGIN}  大小 size 30" in shown.stdout
