"""Why: where a grant allows a copy, keeping it right is the SDK's work: follow the change feed from a cursor on disk, have exports built, fetch their files
piece by piece, hold them against the signed manifest. Part of `Hub`.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack
from urllib.parse import urlencode

from exchange_api.client.copied import ChangePage, Export, ExportedFile
from exchange_api.client.desks import Desks
from exchange_api.client.refusals import Refused
from exchange_api.client.shelf import write_whole
from exchange_api.signing import public_key_from_jwk
from exchange_api.signing.algorithms import decode_base64url, encode_base64url
from schemas.errors import Terminal, Transient

PIECE = 8 << 20
"""Bytes of a file asked for at once: what a lost connection costs."""
_ALGORITHMS = {"ed25519": "Ed25519", "ecdsa-p256-sha256": "ES256"}
_UNDER_WAY = ("waiting", "building")


class ExportWish(TypedDict, total=False):
    """What an export may say besides: which items, as of which day, as known at which moment (aware, ISO 8601)."""

    items: Sequence[str]
    as_of: str
    known_at: str


class Copies(Desks):
    """Change feed and exports, as one application system uses them. Every method raises Refused, Transient client.unreachable, Terminal client.unverified."""

    def changes(
        self, grant: str, after: str | None = None, limit: int | None = None, case: str | None = None
    ) -> ChangePage:
        """Read one page of a grant's change feed; without `after` it begins with what holds now.

        Refused with code `feed.gap` means that the copy must be begun anew: from the start of the feed, or from an export.
        """
        asked = {"after": after, "limit": limit, "case": case}
        given = urlencode({name: value for name, value in asked.items() if value is not None})
        page = ChangePage.read(self.require("GET", f"/v1/grants/{grant}/changes" + (f"?{given}" if given else "")))
        if page.follows != after or page.grant != grant:
            raise Terminal("client.feed_gap", grant=grant, page=page.page)
        return page

    def follow(
        self, grant: str, cursor: Path, limit: int | None = None, case: str | None = None
    ) -> Iterator[ChangePage]:
        """Yield the pages since the cursor kept in a file, up to now, and keep the cursor of each once the next is asked for.

        Take a page in whole before going on: after a crash the page under work comes again, and taking it in again changes nothing. While one is taken in
        the next is asked for already: whoever stops in between was told one page more than he took, which counts. Raises Terminal client.feed_gap when a
        page was lost.
        """
        kept: dict[str, Any] = json.loads(cursor.read_text("utf-8")) if cursor.exists() else {}
        aside = ThreadPoolExecutor(1, "hutong-feed")
        try:
            coming = aside.submit(self.changes, grant, kept.get("next"), limit, case)
            while True:
                page = coming.result()
                if kept and page.page != kept["page"] + 1:
                    raise Terminal("client.feed_gap", grant=grant, page=page.page)
                if page.is_more:
                    coming = aside.submit(self.changes, grant, page.following, limit, case)
                yield page
                kept = {"grant": grant, "next": page.following, "page": page.page}
                write_whole(cursor, json.dumps(kept).encode())
                if not page.is_more:
                    return
        finally:
            aside.shutdown(wait=False, cancel_futures=True)

    def request_export(
        self, grant: str, purpose: dict[str, str], format_: Literal["parquet", "ndjson"] = "parquet", **wish: Unpack[ExportWish]
    ) -> Export:  # fmt: skip
        """Ask for an export; it is built in the background."""
        asked = {"purpose": purpose, "format": format_, **wish}
        return Export.read(self.require("POST", f"/v1/grants/{grant}/exports", asked))

    def export(self, grant: str, export: str) -> Export:
        """Read where an export stands."""
        return Export.read(self.require("GET", f"/v1/grants/{grant}/exports/{export}"))

    def cancel_export(self, grant: str, export: str) -> Export:
        """Call an export off."""
        return Export.read(self.require("DELETE", f"/v1/grants/{grant}/exports/{export}"))

    def await_export(self, grant: str, export: str, patience_s: float = 3600, pause_s: float = 5) -> Export:
        """Wait until an export is ready. Raises Transient client.export_unready when it is not in time, or never will be."""
        deadline = time.monotonic() + patience_s
        while (found := self.export(grant, export)).state in _UNDER_WAY and time.monotonic() < deadline:
            time.sleep(pause_s)
        if found.state != "ready":
            raise Transient("client.export_unready", export=export, state=found.state)
        return found

    def download(self, export: Export, folder: Path) -> list[Path]:
        """Fetch an export's files, going on where an earlier download broke off, hold each against the signed manifest and return them.

        Raises Terminal client.unverified for a manifest or a file that does not hold.
        """
        listed = {one["number"]: one for one in self.manifest(export)["files"]}
        if {one.number: one.sha256 for one in export.files} != {n: one["sha256"] for n, one in listed.items()}:
            raise Terminal("client.unverified", reason="the manifest lists other files")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = [self._fetch_file(one, folder / Path(listed[one.number]["name"]).name) for one in export.files]
        write_whole(folder / f"{export.export}.manifest.json", json.dumps(export.document["signed"]).encode())
        return made

    def manifest(self, export: Export) -> dict[str, Any]:
        """Return an export's manifest when the hub's signature over it holds; `feed` in it says from where the change feed goes on.

        Raises Terminal client.unverified.
        """
        signed = export.document.get("signed")
        if not signed:
            raise Transient("client.export_unready", export=export.export, state=export.state)
        with contextlib.suppress(ValueError, KeyError):
            if self._is_signed(signed["text"].encode(), signed["signature"]):
                found: dict[str, Any] = json.loads(signed["text"])
                if found["export"] == export.export and found["grant"] == export.grant:
                    return found
        raise Terminal("client.unverified", reason=f"the manifest of {export.export} is not signed by the hub")

    def _is_signed(self, payload: bytes, signature: str) -> bool:
        """Check a detached JWS (RFC 7515, appendix F) with a key of the hub that was not revoked."""
        head, _, tail = signature.partition("..")
        header = json.loads(decode_base64url(head))
        keys = {one["kid"]: one for one in self.wire.trust.keys()["keys"] if one.get("hutong:state") != "revoked"}
        key = public_key_from_jwk(keys[header["kid"]], header["kid"])
        data = f"{head}.{encode_base64url(payload)}".encode()
        return header["alg"] == _ALGORITHMS[key.algorithm] and key.verify(decode_base64url(tail), data)

    def _fetch_file(self, file: ExportedFile, path: Path) -> Path:
        part = path.with_name(f"{path.name}.part")
        if path.exists() and _digest(path) == file.sha256:
            return path
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as taken:
            done = taken.seek(0, os.SEEK_END)
            while done < file.size:
                done += taken.write(self._piece(file, done))
                taken.flush()
            os.fsync(taken.fileno())
        if _digest(part) != file.sha256:
            part.unlink()
            raise Terminal("client.unverified", reason=f"{path.name} does not fit the manifest")
        part.replace(path)
        return path

    def _piece(self, file: ExportedFile, start: int) -> bytes:
        """Fetch one piece. It is not kept as a receipt: the manifest proves it, and its bytes would lie there twice."""
        last = min(start + PIECE, file.size) - 1
        asked = {"range": f"bytes={start}-{last}", "if-range": f'"{file.sha256}"'}
        answer = self.wire.ask("GET", file.address, headers=asked)
        if not answer.ok:
            raise Refused(answer)
        body = answer.response.body
        if answer.response.status != 206:
            body = body[start : last + 1]
        if len(body) != last - start + 1:
            raise Terminal("client.unverified", reason="a piece has another length than was asked for")
        return body


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
