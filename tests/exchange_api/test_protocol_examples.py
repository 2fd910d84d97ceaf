"""The examples of docs/protocol.md are run as an implementer would run them, against the real exchange: what they say works, and they refuse what they must."""

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from exchange_api import applications
from exchange_api.signing import Request, SoftwareSigner, content_digest, verify_request
from exchange_api.signing.messages import request_base
from tests.exchange_api.bending import PARTS, Bending

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, PROTOCOL = ROOT / "docs" / "examples", ROOT / "docs" / "protocol.md"
PATH = "/v1/libraries/population/query"
IS_CI = os.environ.get("CI", "") not in ("", "0", "false")
NODE = shutil.which("node")
HAS_NODE = NODE is not None and (ROOT / "node_modules" / "http-message-signatures").is_dir()


def command(example: str) -> list[str]:
    """The program that runs an example; a missing one is named, and in CI nothing may be missing."""
    if example.endswith(".sh"):
        found = shutil.which("bash")
        missing = [name for name in ("bash", "curl", "openssl") if shutil.which(name) is None]
    else:
        found, missing = NODE, [] if HAS_NODE else ["node with node_modules (make assets)"]
    if missing and not IS_CI:
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    assert not missing, missing
    return [str(found), str(EXAMPLES / example)]


@pytest.fixture(scope="module")
def keys(exchange_site: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A key file of either kind, registered for the housing desk."""
    folder: Path = tmp_path_factory.mktemp("example")
    with Session(exchange_site.engine) as session:
        for kind in ("ed25519", "ecdsa-p256-sha256"):
            signer = SoftwareSigner.generate(kind)
            applications.register_key(session, "housing.desk", signer.public.jwk)
            (folder / f"{kind}.pem").write_bytes(signer.pem())
        session.commit()
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture
def jwks(exchange_site: Any, tmp_path: Path) -> Path:
    """The hub's key set as handed over."""
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(exchange_site.jwks, indent=1), "utf-8")
    return path


def run(example: str, url: str, files: tuple[Path, Path], document: Any) -> subprocess.CompletedProcess[str]:
    body = json.dumps(document, ensure_ascii=False)
    words = [*command(example), url, *map(str, files), PATH]
    return subprocess.run(words, input=body, capture_output=True, text=True, timeout=240, check=False, cwd=ROOT)


@pytest.mark.parametrize("example", ["ask.sh", "ask.mjs"])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-p256-sha256"])
def test_an_example_asks_and_believes_the_answer(
    exchange_site: Any, keys: dict[str, Path], jwks: Path, example: str, kind: str
) -> None:
    done = run(example, exchange_site.url, (keys[kind], jwks), exchange_site.asking(items=["name"]))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"][0]["values"] == {"name": "欧阳小0"}
    receipt = json.loads(done.stdout)["receipt"]
    assert f"verified: status 200, receipt {receipt}" in done.stderr
    assert json.loads(exchange_site.entry(receipt).document)["request"].get("base") is None, "spelled as the profile is"


@pytest.mark.parametrize("example", ["ask.sh", "ask.mjs"])
def test_an_example_believes_a_refusal_and_says_so(
    exchange_site: Any, keys: dict[str, Path], jwks: Path, example: str
) -> None:
    done = run(example, exchange_site.url, (keys["ed25519"], jwks), exchange_site.asking("SQ-2026-000003"))
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["code"] == "grant.suspended"


@pytest.fixture(scope="module")
def bending(exchange_site: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bending]:
    """Somebody on the way, who changes answers, in front of a server that also answers to that name."""
    with Bending() as way:
        environment = exchange_site.environment | {"HUTONG_API_AUTHORITIES": way.authority}
        with serve(environment, tmp_path_factory.mktemp("bent") / "server.log") as way.upstream:
            yield way


@pytest.mark.parametrize("example", ["ask.sh", "ask.mjs"])
@pytest.mark.parametrize("part", ["body", "body_and_digest", "status", "receipt", "binding", "keyid"])
def test_an_example_refuses_what_was_changed(
    exchange_site: Any, bending: Bending, keys: dict[str, Path], jwks: Path, example: str, part: str
) -> None:
    with bending.bent(PARTS[part]):
        done = run(example, bending.url, (keys["ed25519"], jwks), exchange_site.asking())
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert done.stdout == ""


def test_the_worked_example_has_the_bytes_it_says() -> None:
    text = PROTOCOL.read_text("utf-8")
    blocks = dict(re.findall(r"```text (\S+)\n(.*?)\n```", text, re.DOTALL))
    assert set(blocks) >= {"key", "jwk", "body", "base", "headers"}
    signer = SoftwareSigner.from_pem(blocks["key"].encode())
    assert json.loads(blocks["jwk"]) == signer.public.jwk
    body = blocks["body"].encode()
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in blocks["headers"].splitlines())}
    assert headers["content-digest"] == content_digest(body)
    request = Request("POST", "hub.example", PATH, "", headers, body)
    params = headers["signature-input"].removeprefix("sig1=")
    assert blocks["base"] == request_base(request, params)
    assert f'keyid="{signer.keyid}"' in params
    signature = base64.b64encode(signer.sign(blocks["base"].encode())).decode()
    assert headers["signature"] == f"sig1=:{signature}:"
    created = int(params.partition("created=")[2].partition(";")[0])
    verify_request(request, {signer.keyid: signer.public}.get, created, {"hub.example"})
