"""Why: an application system also has dealings with the desks: recalls it must acknowledge, values it doubts, the chain behind an answer. Part of `Hub`."""

import base64
import contextlib
import json
from collections.abc import Mapping
from typing import Any, Literal, TypedDict, Unpack
from urllib.parse import quote

from exchange_api.client.asking import Asking
from exchange_api.client.results import Chain, Objection, Page, Recall
from exchange_api.signing import public_key_from_jwk
from schemas.errors import HutongError, Terminal


class Doubt(TypedDict, total=False):
    """What else an objection may say: what the value should be, what there is to show for it, which entry where a register has several."""

    claimed: str
    evidence: str
    entry: str


class Desks(Asking):
    """Recalls, objections and the chain, as one application system sees them. Every method raises Refused, Transient client.unreachable and Terminal
    client.unverified; `after` is the `following` of the page before.
    """

    def recalls(self, after: str | None = None) -> Page[Recall]:
        """List what was called back of the values received, newest first."""
        answer = self.require("GET", _paged("/v1/recalls", after))
        entries = tuple(Recall.read(answer, one) for one in answer.document["recalls"])
        return Page(answer, entries, answer.document["next"])

    def recall(self, recall: str, after: str | None = None) -> Recall:
        """Read one recall: its signed notice (in `document`) and the affected receipts, a page at a time. A notice that is not the hub's raises
        Terminal client.unverified: it is kept as proof when the answer that brought it is gone.
        """
        found = Recall.read(self.require("GET", _paged(f"/v1/recalls/{quote(recall, safe='')}", after)))
        if not self._is_noticed(found.document, recall):
            raise Terminal("client.unverified", reason=f"the notice of {recall} is not signed by the hub")
        return found

    def _is_noticed(self, told: Mapping[str, Any], recall: str) -> bool:
        """Check a notice's detached signature with a key of the hub that was not revoked, and that it is the notice shown."""
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, HutongError):
            signed = told["signed"]
            keys = {one["kid"]: one for one in self.wire.trust.keys()["keys"] if one.get("hutong:state") != "revoked"}
            key = public_key_from_jwk(keys[signed["keyid"]], signed["keyid"])
            said = json.loads(signed["text"])
            is_signed = key.verify(base64.b64decode(signed["signature"], validate=True), signed["text"].encode())
            return is_signed and said == told["notice"] and said["recall"] == recall
        return False

    def acknowledge(self, recall: str, outcome: Literal["asking_again", "not_kept"] = "asking_again") -> Recall:
        """Acknowledge a recall: `asking_again`, or `not_kept` when nothing of the values is kept or was used; again changes nothing."""
        path = f"/v1/recalls/{quote(recall, safe='')}/acknowledgement"
        return Recall.read(self.require("POST", path, {"outcome": outcome}))

    def object_to(self, receipt: str, subject: str, attribute: str, reason: str, **more: Unpack[Doubt]) -> Objection:
        """Doubt a value of a receipt; while an objection over it is open, that one comes back."""
        form = {"receipt": receipt, "subject": subject, "attribute": attribute, "reason": reason, **more}
        return Objection.read(self.require("POST", "/v1/objections", form))

    def objections(self, after: str | None = None) -> Page[Objection]:
        """List this application's objections, newest first."""
        answer = self.require("GET", _paged("/v1/objections", after))
        entries = tuple(Objection.read(answer, one) for one in answer.document["objections"])
        return Page(answer, entries, answer.document["next"])

    def objection(self, objection: str) -> Objection:
        """Read where one objection stands."""
        return Objection.read(self.require("GET", f"/v1/objections/{quote(objection, safe='')}"))

    def withdraw(self, objection: str) -> Objection:
        """Take an objection back."""
        return Objection.read(self.require("POST", f"/v1/objections/{quote(objection, safe='')}/withdrawal"))

    def trace(self, start: str, after: str | None = None) -> Chain:
        """Walk the chain from an id of a receipt, grant or demand of this application. Never give a person's id: it would stand in the address."""
        return Chain.read(self.require("GET", _paged(f"/v1/trace/{quote(start, safe='')}", after)))


def _paged(path: str, after: str | None) -> str:
    return f"{path}?after={quote(after, safe='')}" if after else path
