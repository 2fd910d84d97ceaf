"""Why: what an application system writes: `Hub(url, key, keys, receipts).query("population", grant, purpose, subjects)`. Signs each question, takes
verified answers only, keeps a receipt of each, and returns values with types. Needs requests and cryptography; no database, nothing of the hub's server.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypedDict, Unpack

from exchange_api.client.copies import Copies
from exchange_api.client.results import CertificateFile, Records, Rehearsal, Verdicts
from schemas.errors import Terminal

Purpose = Mapping[str, str]
"""`service_item`, and `case` (the number of the case) where the grant asks for one."""


class Wish(TypedDict, total=False):
    """What else a query may say: attributes to hand out (all granted ones without it), the day it was true on, the moment at which the hub believed it
    (aware); `request_id` (a UUID) of a query asked before, to get the same answer again.
    """

    items: Sequence[str] | None
    as_of: date | str
    known_at: datetime | str
    request_id: str


class Hub(Copies):
    """One application system's way to one hub. Every method raises Refused (with the hub's code, title, remedy), Transient client.unreachable and
    Terminal client.unverified.
    """

    def query(
        self, library: str, grant: str, purpose: Purpose, subjects: Sequence[str], **wish: Unpack[Wish]
    ) -> Records:
        """Ask for the records of 1-100 subjects under a grant."""
        asked = _asked(grant, purpose, wish) | {"subjects": list(subjects)}
        return Records.read(self.require("POST", f"/v1/libraries/{library}/query", asked, wish.get("request_id")))

    def dry_run(
        self, library: str, grant: str, purpose: Purpose, subjects: Sequence[str], **wish: Unpack[Wish]
    ) -> Rehearsal:
        """Have all checks of a query made: no data, nothing counted."""
        asked = _asked(grant, purpose, wish) | {"subjects": list(subjects)}
        return Rehearsal.read(self.require("POST", f"/v1/libraries/{library}/query?dry-run=true", asked))

    def verify(self, library: str, grant: str, purpose: Purpose, claims: Sequence[Mapping[str, Any]]) -> Verdicts:
        """Ask whether claimed values are right, yes or no for each; claims are `{"subject", "values"}`."""
        asked = _asked(grant, purpose, {}) | {"claims": [dict(claim) for claim in claims]}
        return Verdicts.read(self.require("POST", f"/v1/libraries/{library}/verify", asked))

    def certificates(
        self, grant: str, purpose: Purpose, holders: Sequence[str] = (), identifiers: Sequence[str] = (), **wish: Unpack[Wish]
    ) -> Records:  # fmt: skip
        """Ask for certificates by their holders or by their own identifiers: exactly one of the two."""
        named = {"subjects": list(holders)} if holders else {"identifiers": list(identifiers)}
        asked = _asked(grant, purpose, wish) | named
        return Records.read(self.require("POST", "/v1/certificates/query", asked, wish.get("request_id")))

    def verify_certificates(self, grant: str, purpose: Purpose, claims: Sequence[Mapping[str, Any]]) -> Verdicts:
        """Ask how certificates stand and whether claimed values are right; claims are `{"identifier" | "number" | "subject", "values"}`."""
        asked = _asked(grant, purpose, {}) | {"claims": [dict(claim) for claim in claims]}
        return Verdicts.read(self.require("POST", "/v1/certificates/verify", asked))

    def certificate_file(self, grant: str, purpose: Purpose, identifier: str, cause: str) -> CertificateFile:
        """Ask for a certificate's file; `cause` (at most 200 characters) is written onto every page of the copy."""
        asked = _asked(grant, purpose, {}) | {"identifier": identifier, "cause": cause}
        return CertificateFile.read(self.require("POST", "/v1/certificates/files", asked))

    def fetch_file(self, promised: CertificateFile, request_id: str | None = None) -> bytes:
        """Fetch the annotated copy (PDF) once; a lost one again under the same request id. Raises Terminal client.no_file when none was promised."""
        if promised.address is None:
            raise Terminal("client.no_file", status=promised.status)
        return self.require("GET", promised.address, None, request_id).response.body


def _asked(grant: str, purpose: Purpose, wish: Wish) -> dict[str, Any]:
    asked: dict[str, Any] = {"grant": grant, "purpose": dict(purpose)}
    if wish.get("items") is not None:
        asked["items"] = list(wish["items"] or ())
    for name, value in (("as_of", wish.get("as_of")), ("known_at", wish.get("known_at"))):
        if value is not None:
            asked[name] = value if isinstance(value, str) else value.isoformat()
    return asked
