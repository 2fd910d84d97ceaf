"""Why: what docs/protocol.md says under "Answering" holds for every answer, so these checks look at all that the kit has seen, refusals included, after every
other check has asked. Entered into `rules` last; `kit` calls.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, unquote
from uuid import UUID

from exchange_api.conformance.probe import Failed, Probe, Seen, changed
from exchange_api.conformance.rules import rule
from exchange_api.signing import Request, content_digest
from exchange_api.signing.messages import RESPONSE_COVERED, RESPONSE_COVERED_BARE, is_bindable
from exchange_api.signing.responses import verify_response_headers
from schemas.errors import Denied

Look = Callable[[Seen], str | None]
_COVERED = re.compile(r"hub=(\([^)]*\))")
_PERSON, HIDDEN = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)"), "-"
_PROBLEM = ("type", "title", "status", "detail", "code", "remedy", "title_zh", "remedy_zh", "receipt")


@rule("seal.signed", ("每个应答均有签名", "every answer is signed"))
def signed(probe: Probe) -> str:
    """Look for the two headers."""
    return _all(probe, lambda seen: None if _is_signed(seen) else "the answer carries no signature")


@rule("seal.components", ("签名恰好覆盖规定的组成部分", "the signature covers exactly the profile's components"))
def components(probe: Probe) -> str:
    """Compare the covered components one by one."""

    def look(seen: Seen) -> str | None:
        covered = _covered(seen)
        wanted = RESPONSE_COVERED if is_bindable(seen.request) else RESPONSE_COVERED_BARE
        if covered in (None, wanted, RESPONSE_COVERED_BARE):
            return None
        missing = [one for one in wanted[1:-1].split(" ") if one not in covered[1:-1].split(" ")]
        return f"not covered: {', '.join(missing)}" if missing else f"covered otherwise: {covered}"

    return _all(probe, look)


@rule("seal.bound", ("应答与请求的签名和摘要绑定", "an answer is bound to the question's signature and digest"))
def bound(probe: Probe) -> str:
    """Look for `;req` components of questions that were signed."""

    def look(seen: Seen) -> str | None:
        if not is_bindable(seen.request) or _covered(seen) is None:
            return None
        lacking = [
            one for one in ('"content-digest";req', '"signature";req;key="sig1"') if one not in str(_covered(seen))
        ]
        return f"not bound to the question: {', '.join(lacking)} not covered" if lacking else None

    return _all(probe, look)


@rule("seal.digest", ("应答正文与摘要一致", "every body fits its digest"))
def digest(probe: Probe) -> str:
    """Compute every digest."""

    def look(seen: Seen) -> str | None:
        found = seen.response.headers.get("content-digest")
        return None if found == content_digest(seen.response.body) else f"Content-Digest {found} is not the body's"

    return _all(probe, look)


@rule("seal.signature", ("签名有效且出自平台公布的密钥", "every signature is good and by a published key"))
def signature(probe: Probe) -> str:
    """Verify what is signed in the profile; what is not is named by the rules before. A refused URL with a person in it is covered with the digits hidden."""

    def look(seen: Seen) -> str | None:
        wanted = RESPONSE_COVERED if is_bindable(seen.request) else RESPONSE_COVERED_BARE
        if _covered(seen) != wanted:
            return None
        try:
            verify_response_headers(seen.response, as_covered(seen), probe.find_key)
        except Denied as wrong:
            return str(wrong)
        return None

    return _all(probe, look)


@rule("seal.receipt", ("每个应答均有回执编号", "every answer names its receipt"))
def receipt(probe: Probe) -> str:
    """Read X-Receipt; `none` say parts of the public log, and refusals when there is too much to do."""

    def look(seen: Seen) -> str | None:
        named = seen.response.headers.get("x-receipt")
        if named == "none" and (seen.request.path.startswith("/v1/log/") or seen.response.status == 503):
            return None
        try:
            UUID(named or "")
        except ValueError:
            return f"X-Receipt is {named!r}"
        return None

    return _all(probe, look)


@rule("seal.request_id", ("应答重复请求编号", "every answer repeats the request id"))
def request_id(probe: Probe) -> str:
    """Compare the ids; an answer to a question without one has its own."""

    def look(seen: Seen) -> str | None:
        asked, told = (message.headers.get("x-request-id") for message in (seen.request, seen.response))
        return None if told and asked in (None, told) else f"X-Request-Id is {told!r}, the question's {asked!r}"

    return _all(probe, look)


@rule("seal.no_store", ("应答不得缓存", "no answer may be cached, but tiles of the log"))
def no_store(probe: Probe) -> str:
    """Look at Cache-Control."""

    def look(seen: Seen) -> str | None:
        if seen.request.path.startswith("/v1/log/"):
            return None
        found = seen.response.headers.get("cache-control")
        return None if found and "no-store" in found else f"Cache-Control is {found!r}"

    return _all(probe, look)


@rule(
    "seal.problem",
    (
        "拒绝均为问题文档，代码在目录中并附双语处理办法",
        "refusals are problem documents with a catalogued code and a remedy in both languages",
    ),
)
def problem(probe: Probe) -> str:
    """Hold every refusal against the catalogue at /v1/errors."""
    listed = probe.get("/v1/errors").document
    catalogue = {one["code"]: one for one in listed} if isinstance(listed, list) else {}
    if not catalogue:
        raise Failed("GET /v1/errors lists nothing")

    def look(seen: Seen) -> str | None:
        return _problem(seen, {code: one["status"] for code, one in catalogue.items()})

    return _all(probe, look)


def as_covered(seen: Seen) -> Request:
    """Return the question as the answer's signature covers it: where a URL is refused for the person in it, the person's id is hidden there too."""
    if seen.code != "url.personal":
        return seen.request
    path, query = (quote(_PERSON.sub(HIDDEN, unquote(part)), "/=&") for part in (seen.request.path, seen.request.query))
    return changed(seen.request, path=path, query=query)


def _problem(seen: Seen, statuses: dict[str, int]) -> str | None:
    if seen.response.status < 400 or seen.request.method == "HEAD":
        return None
    document = seen.document
    if seen.response.headers.get("content-type") != "application/problem+json" or not isinstance(document, dict):
        return "the refusal is no problem document"
    missing = [name for name in _PROBLEM if not document.get(name)]
    if missing:
        return f"the problem document has no {', '.join(missing)}"
    if document["code"] not in statuses:
        return f"code {document['code']} is not in the catalogue"
    if not document["status"] == seen.response.status == statuses[document["code"]]:
        return f"status {seen.response.status}, the catalogue says {statuses[document['code']]}"
    named = seen.response.headers.get("x-receipt")
    return None if document["receipt"] == named else f"the document names receipt {document['receipt']}, not {named}"


def _answers(probe: Probe) -> Iterator[Seen]:
    """Yield what was answered by the machine interface."""
    return (seen for seen in probe.seen if seen.request.path.startswith("/v1/"))


def _is_signed(seen: Seen) -> bool:
    return "signature" in seen.response.headers and "signature-input" in seen.response.headers


def _covered(seen: Seen) -> str | None:
    found = _COVERED.match(seen.response.headers.get("signature-input", ""))
    return found[1] if found else None


def _all(probe: Probe, look: Look) -> str:
    """Return how many were looked at; raises Failed with the first that is wrong and how many are."""
    looked = [(seen, look(seen)) for seen in _answers(probe)]
    wrong = [(seen, said) for seen, said in looked if said]
    if wrong:
        seen, said = wrong[0]
        raise Failed(f"{seen}: {said} ({len(wrong)} of {len(looked)} answers)")
    return f"{len(looked)} answers"
