"""Why: what an application system writes: `HutongClient(...).query("population", grant, purpose, subjects)`. Signs each question, takes verified
answers only, and keeps a receipt of each when given a folder. Needs the packages exchange_api and schemas, cryptography and requests; no database.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from exchange_api.client.shelf import ReceiptShelf
from exchange_api.client.wire import Answer, Wire
from exchange_api.signing import Signer, SoftwareSigner
from schemas.errors import Transient


class HutongClient:
    """One application system's way to one hub.

    `private_key` is a PEM or any `Signer`. `hub_jwks` is the key set handed over at registration: without it the hub's own word is taken on first use.
    `receipts` is a folder in which proofs are kept.
    """

    def __init__(
        self,
        base_url: str,
        keyid: str,
        private_key: bytes | Signer,
        hub_jwks: Mapping[str, Any] | None = None,
        receipts: Path | None = None,
    ) -> None:
        signer = SoftwareSigner.from_pem(private_key, keyid) if isinstance(private_key, bytes) else private_key
        self.wire = Wire(base_url, signer, hub_jwks)
        self.shelf = ReceiptShelf(receipts) if receipts else None

    def query(
        self,
        library: str,
        grant: str,
        purpose: Mapping[str, str],
        subjects: Sequence[str],
        items: Iterable[str] | None = None,
    ) -> Answer:
        """Ask for the records of 1–100 subjects under a grant; a refusal comes back as an Answer whose `ok` is false and `document` says why.

        Raises Transient client.unreachable and Terminal client.unverified.
        """
        question: dict[str, Any] = {"grant": grant, "purpose": dict(purpose), "subjects": list(subjects)}
        if items is not None:
            question["items"] = list(items)
        return self.ask("POST", f"/v1/libraries/{library}/query", question)

    def verify(
        self, library: str, grant: str, purpose: Mapping[str, str], claims: Sequence[Mapping[str, Any]]
    ) -> Answer:
        """Ask whether claimed values are right, yes or no for each; claims are `{"subject", "values"}`."""
        question = {"grant": grant, "purpose": dict(purpose), "claims": [dict(claim) for claim in claims]}
        return self.ask("POST", f"/v1/libraries/{library}/verify", question)

    def ask(self, method: str, path: str, document: Any = None) -> Answer:
        """Ask any question of the protocol and put its exchange on the shelf."""
        answer = self.wire.ask(method, path, document)
        if self.shelf is not None and answer.receipt_id is not None:
            self.shelf.keep(answer.request, answer.response)
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
                made.append(self.shelf.finish((request, response), document, self.wire.keys()))
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
