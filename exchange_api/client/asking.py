"""Why: what all of the SDK stands on: ask one question, keep its receipt, turn a refusal into an exception, collect proofs. `hub` and its parts build on it."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exchange_api.client.refusals import Refused
from exchange_api.client.shelf import ReceiptShelf
from exchange_api.client.wire import Answer, Limits, Wire
from exchange_api.evidence.receipt import read_jwks
from exchange_api.signing import Signer, SoftwareSigner
from schemas.errors import Transient

_ORDINARY = Limits()


class Asking:
    """One application system's way to one hub. May be shared by threads.

    `key`: a `Signer`, a PEM, or the file of one. `keys`: the hub's key set handed over at registration, or its file; without it the hub's own word is
    taken on first use. `receipts`: a folder in which proofs are kept. Raises Invalid key.malformed, receipt.keys_missing.
    """

    def __init__(
        self,
        url: str,
        key: bytes | Path | Signer,
        keys: Mapping[str, Any] | Path | None = None,
        receipts: Path | None = None,
        limits: Limits = _ORDINARY,
    ) -> None:
        pem = key.read_bytes() if isinstance(key, Path) else key
        signer = SoftwareSigner.from_pem(pem) if isinstance(pem, bytes) else pem
        trusted = read_jwks(keys)[0] if isinstance(keys, Path) else keys
        self.wire = Wire(url, signer, trusted, limits)
        self.shelf = ReceiptShelf(receipts) if receipts else None

    def ask(self, method: str, path: str, document: Any = None, request_id: str | None = None) -> Answer:
        """Ask any question of the protocol; a refusal comes back as an Answer too. The receipt is on the shelf before this returns.

        `path` may carry a query string; `request_id` asks a question again. Raises Transient client.unreachable, Terminal client.unverified.
        """
        answer = self.wire.ask(method, path, document, request_id)
        if self.shelf is not None and answer.receipt_id is not None:
            self.shelf.keep(answer.request, answer.response)
        return answer

    def require(self, method: str, path: str, document: Any = None, request_id: str | None = None) -> Answer:
        """Ask as `ask` does, and raise Refused unless the question was answered."""
        answer = self.ask(method, path, document, request_id)
        if not answer.ok:
            raise Refused(answer)
        return answer

    def collect_receipts(self, patience_s: float = 10.0) -> list[Path]:
        """Fetch the proofs of all that waits, for at most `patience_s` seconds, and return the receipt files made.

        What the log has not taken in by then keeps waiting for the next call. Raises Terminal client.unverified for a proof that does not hold.
        """
        if self.shelf is None:
            return []
        made: list[Path] = []
        deadline = time.monotonic() + patience_s
        for receipt_id, request, response in list(self.shelf.waiting()):
            document = self._fetch_proof(receipt_id, deadline)
            if document is not None:
                made.append(self.shelf.finish((request, response), document, self.wire.trust.keys()))
        return made

    def _fetch_proof(self, receipt_id: str, deadline: float) -> dict[str, Any] | None:
        while True:
            try:
                answer = self.wire.ask("GET", f"/v1/receipts/{receipt_id}")
            except Transient:
                return None
            if answer.ok:
                return dict(answer.document)
            if answer.document.get("code") != "receipt.pending" or time.monotonic() > deadline:
                return None
            time.sleep(0.1)
