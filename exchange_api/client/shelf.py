"""Why: answers become receipts only when the hub's log has taken them in, a moment later. The shelf keeps what is waiting on disk, so that a crash of
the application system loses no proof. Files hold answers, hence personal data: mode 0600 in a 0700 folder. `Hub` calls it.
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import get_ident
from typing import Any

from exchange_api.evidence.receipt import compose_receipt, earlier_receipt, verify_receipt
from exchange_api.signing import Request, Response
from schemas.errors import Terminal


class ReceiptShelf:
    """A folder of receipts: `<id>.waiting` until the log has the entry, `<id>.json` after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep(self, request: Request, response: Response) -> None:
        """Put an exchange aside, durably, until its proof can be fetched; one whose proof is there stays as it is."""
        if (self.folder / f"{_name(response)}.json").exists():
            return
        question = {
            "method": request.method,
            "authority": request.authority,
            "path": request.path,
            "query": request.query,
        }
        members = {
            "request": {**question, "headers": dict(request.headers), "body": _encode(request.body)},
            "response": {"status": response.status, "headers": dict(response.headers), "body": _encode(response.body)},
        }
        write_whole(self.folder / f"{_name(response)}.waiting", json.dumps(members).encode())

    def waiting(self) -> Iterator[tuple[str, Request, Response]]:
        """Yield what still waits: receipt id, question, answer."""
        for path in sorted(self.folder.glob("*.waiting")):
            members = json.loads(path.read_bytes())
            asked, answered = members["request"], members["response"]
            asked["body"], answered["body"] = base64.b64decode(asked["body"]), base64.b64decode(answered["body"])
            yield path.stem, Request(**asked), Response(**answered)

    def finish(self, exchange: tuple[Request, Response], document: Mapping[str, Any], keys: Mapping[str, Any]) -> Path:
        """Make the receipt file, verify it and let go of what waited; raises Terminal client.unverified and keeps waiting when it does not verify."""
        request, response = exchange
        own = document["entry"]["request"]["headers"].get("signature") == request.headers["signature"]
        data = compose_receipt(request, response, document) if own else earlier_receipt(request, response, document)
        report = verify_receipt(data, keys)
        if not report.verified or document["entry"]["request_id"] != request.headers["x-request-id"]:
            raise Terminal("client.unverified", reason=f"receipt {_name(response)}: {report.failed or 'request id'}")
        path = self.folder / f"{_name(response)}.json"
        write_whole(path, data)
        path.with_suffix(".waiting").unlink(missing_ok=True)
        return path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 whole or not at all, so that a crash or a power cut leaves the one before."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)  # the name must outlive a power cut as the bytes do
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _name(response: Response) -> str:
    name = response.headers["x-receipt"]
    if not name.replace("-", "").isalnum():
        raise Terminal("client.unverified", reason="the answer's receipt id is no id")
    return name


def _encode(body: bytes) -> str:
    return base64.b64encode(body).decode()
