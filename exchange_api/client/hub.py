"""Why: what an application system writes: `HutongClient(...).query("population", grant, purpose, subjects)`. Signs each question, takes verified
answers only, and keeps a receipt of each when given a folder. Needs the packages exchange_api and schemas, cryptography and requests; no database.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

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

    def recalls(self, recall: str | None = None, after: str | None = None) -> Answer:
        """List what was called back of the values received, or read one recall: its signed notice and the affected receipts, a page at a time.

        `after`: the `next` of the page before.
        """
        path = f"/v1/recalls/{recall}" if recall else "/v1/recalls"
        return self.ask("GET", f"{path}?after={quote(after)}" if after else path)

    def acknowledge(self, recall: str, outcome: str = "asking_again") -> Answer:
        """Acknowledge a recall: `asking_again`, or `not_kept` when nothing of the values is kept or was used; again changes nothing."""
        return self.ask("POST", f"/v1/recalls/{recall}/acknowledgement", {"outcome": outcome})

    def object_to(self, receipt: str, subject: str, attribute: str, reason: str, **more: str) -> Answer:
        """Doubt a value of a receipt; `more`: `claimed` (what it should be), `evidence`, `entry` (where a register has several).

        While an objection over it is open, that one comes back.
        """
        form = {"receipt": receipt, "subject": subject, "attribute": attribute, "reason": reason, **more}
        return self.ask("POST", "/v1/objections", form)

    def objections(self, objection: str | None = None, after: str | None = None) -> Answer:
        """List this application's objections, or read where one stands."""
        path = f"/v1/objections/{objection}" if objection else "/v1/objections"
        return self.ask("GET", f"{path}?after={quote(after)}" if after else path)

    def ask(self, method: str, path: str, document: Any = None) -> Answer:
        """Ask any question of the protocol and put its exchange on the shelf; `path` may carry a query string."""
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
