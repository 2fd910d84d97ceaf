"""Why: what docs/protocol.md says under "Asking": how a question must be signed, and by which code each other one is refused. Questions that fail before the
caller's key is looked up are asked by a stranger's key, so that these rules can be looked at from outside. Entered into `rules`; `kit` calls.
"""

import base64
import json
import time

from exchange_api.conformance.probe import Failed, Probe, Seen, Unchecked, changed, expect
from exchange_api.conformance.rules import rule
from exchange_api.signing.messages import REQUEST_COVERED, request_base
from schemas.identifiers import citizen_id_check_digit

_STEM = "11010119000101001"
NOBODY = f"{_STEM}{citizen_id_check_digit(_STEM)}"
"""A citizen id in form; nobody born in 1900 holds an 18-digit one."""
TRICKS = (
    "/v1/libraries/{0}/%2e%2e/{0}/query",
    "/v1/libraries/{0}/../{0}/query",
    "/v1//libraries/{0}/query",
    "/v1/libraries/{0}%2Fquery",
    "/v1/libraries/{0}/query/",
    "/v1/libraries/{0}/query;a=b",
    "/v1/libraries/{0}/./query",
    "/v1/libraries/%70opulation/query",
)


@rule("asking.unsigned", ("未签名的请求被拒绝", "an unsigned question is refused"))
def unsigned(probe: Probe) -> str:
    """Send a question without a signature."""
    request = probe.question(probe.body())
    bare = {name: value for name, value in request.headers.items() if not name.startswith("signature")}
    return expect(probe.send(changed(request, headers=bare)), "signature.missing")


@rule("asking.unknown_key", ("未登记的密钥被拒绝", "a key nobody registered is refused"))
def unknown_key(probe: Probe) -> str:
    """Sign with a key made a moment ago."""
    return expect(probe.ask(probe.body(), signer=probe.stranger), "signature.unknown_key")


@rule("asking.digest", ("正文与摘要不符被拒绝", "a body that does not fit its digest is refused"))
def digest(probe: Probe) -> str:
    """Change the body on the way."""
    return expect(probe.send(changed(probe.question(probe.body()), body=b'{"changed":1}')), "digest.wrong")


@rule(
    "asking.components",
    ("未覆盖规定组成部分的签名被拒绝", "a signature that does not cover every component is refused"),
)
def components(probe: Probe) -> str:
    """Leave x-request-id out of what is signed."""
    request = probe.question(probe.body())
    signer, input_ = probe.given.signer or probe.stranger, request.headers["signature-input"]
    params = input_.removeprefix("sig1=").replace(REQUEST_COVERED, REQUEST_COVERED.replace(' "x-request-id"', ""))
    lines = [line for line in request_base(request, params).split("\n") if not line.startswith('"x-request-id"')]
    signature = base64.b64encode(signer.sign("\n".join(lines).encode())).decode()
    given = {**request.headers, "signature-input": f"sig1={params}", "signature": f"sig1=:{signature}:"}
    return expect(probe.send(changed(request, headers=given)), "signature.components")


@rule("asking.expired", ("过期签名被拒绝", "an expired signature is refused"))
def expired(probe: Probe) -> str:
    """Send what was signed for two seconds, later."""
    now = int(time.time())
    return expect(probe.ask(probe.body(), created=now - 60, expires=now - 30), "signature.expired")


@rule("asking.lifetime", ("有效期超过 300 秒被拒绝", "a signature good for more than 300 s is refused"))
def lifetime(probe: Probe) -> str:
    """Ask for 301 s."""
    now = int(time.time())
    return expect(probe.ask(probe.body(), created=now, expires=now + 301), "signature.lifetime")


@rule("asking.clock", ("时钟偏差超限被拒绝，并告知偏差", "a clock that is off is refused, and told by how much"))
def clock(probe: Probe) -> str:
    """Sign ten minutes ago, and from ten minutes ahead."""
    for off in (-600, 600):
        seen = probe.ask(probe.body(), created=int(time.time()) + off)
        expect(seen, "signature.clock")
        told = (seen.document or {}).get("clock_difference")
        if not isinstance(told, int) or abs(told - off) > 30:
            raise Failed(f"{seen}: clock_difference {told!r}, it was {off} s")
    return "±600 s: signature.clock"


@rule("asking.authority", ("发往其他主机名的请求被拒绝", "a question to another authority is refused"))
def authority(probe: Probe) -> str:
    """Sign and send for another host name; forwarded names must not help."""
    seen = probe.ask(probe.body(), authority="elsewhere.invalid", headers={"x-forwarded-host": probe.authority})
    if seen.code is None and seen.response.status in (400, 404, 421):
        raise Unchecked("something before the hub refuses other host names")
    return expect(seen, "authority.unknown")


@rule(
    "asking.request_id", ("请求编号缺失或不是 UUID 被拒绝", "a missing request id, or one that is no UUID, is refused")
)
def request_id(probe: Probe) -> str:
    """Leave the id out, and send a word."""
    request = probe.question(probe.body())
    bare = {name: value for name, value in request.headers.items() if name != "x-request-id"}
    expect(probe.send(changed(request, headers=bare)), "request_id.missing")
    return expect(probe.ask(probe.body(), headers={"x-request-id": "once"}), "request_id.malformed")


@rule("asking.path", ("路径花招不会得到数据", "path tricks lead to no data"))
def path(probe: Probe) -> str:
    """Try other spellings of the path of a question."""
    for trick in TRICKS:
        seen = probe.ask(probe.body(), path=trick.format(probe.given.library))
        if not 400 <= seen.response.status < 500 or _has_records(seen):
            raise Failed(f"{seen}; expected a refusal")
    return f"{len(TRICKS)} spellings refused"


@rule(
    "asking.personal",
    ("网址中的身份证件号码被拒绝且不复述", "an identifier of a person in a URL is refused and not repeated"),
)
def personal(probe: Probe) -> str:
    """Put a citizen id that nobody has into a path and into a query string, plainly and percent-encoded."""
    coded = "".join(f"%{ord(one):02X}" for one in NOBODY)
    for place in (f"/v1/receipts/{NOBODY}", f"/v1/receipts/{coded}", f"/v1/errors?who={NOBODY}"):
        where, _, query = place.partition("?")
        seen = probe.ask(method="GET", path=where, query=query)
        expect(seen, "url.personal")
        if NOBODY.encode() in seen.response.body:
            raise Failed(f"{seen.code}: the answer repeats the identifier")
    return "url.personal, not repeated"


@rule(
    "asking.route",
    ("未知路径与方法被拒绝，并告知可用方法", "unknown paths and methods are refused, allowed methods told"),
)
def route(probe: Probe) -> str:
    """Ask for what is not there, and by a method that is not."""
    expect(probe.get("/v1/nothing-here"), "route.unknown")
    seen = probe.ask(method="DELETE", path=probe.path)
    expect(seen, "route.method")
    if "POST" not in seen.response.headers.get("allow", ""):
        raise Failed(f"{seen}: header Allow is {seen.response.headers.get('allow')!r}")
    return "404 route.unknown, 405 route.method with Allow"


@rule("asking.override", ("方法改写头不起作用", "headers that claim another method are not heeded"))
def override(probe: Probe) -> str:
    """Send GET and claim that it is POST."""
    seen = probe.ask(method="GET", headers={"x-http-method-override": "POST", "x-method-override": "POST"})
    return expect(seen, "route.method")


@rule("asking.too_large", ("过大的请求被拒绝", "a question that is too large is refused"))
def too_large(probe: Probe) -> str:
    """Send two MiB."""
    seen = probe.ask(body=b" " * (2 << 20))
    if seen.code != "request.too_large" and seen.response.status in (400, 401):
        raise Unchecked("this deployment takes more than 2 MiB")
    return expect(seen, "request.too_large")


@rule("asking.signature", ("错误签名被拒绝", "a wrong signature is refused"), "key")
def signature(probe: Probe) -> str:
    """Send one question with the signature of another."""
    one, other = probe.question(probe.body()), probe.question(probe.body())
    forged = {**one.headers, "signature": other.headers["signature"]}
    return expect(probe.send(changed(one, headers=forged)), "signature.wrong")


@rule("asking.replay", ("重放被拒绝", "a replay is refused"), "key")
def replay(probe: Probe) -> str:
    """Send the very same question twice."""
    request = probe.question(probe.body())
    probe.send(request)
    return expect(probe.send(request), "nonce.replayed")


@rule(
    "asking.body",
    ("非 JSON、类型不符、缺项的正文被拒绝", "bodies that are no JSON, of another type or incomplete are refused"),
    "key",
)
def body(probe: Probe) -> str:
    """Send text, invalid UTF-8, deep nesting, another media type, unknown and missing members."""
    for wrong in (b"{", b"\xff\xfe{}", b"[" * 10_000, b'{"a":NaN}'):
        expect(probe.ask(body=wrong), "request.not_json")
    expect(probe.ask(probe.body(), headers={"content-type": "text/plain"}), "request.media_type")
    expect(probe.ask({}), "request.malformed")
    return expect(probe.ask(probe.body(surprise=1)), "request.malformed")


@rule("asking.duplicate", ("成员名重复的 JSON 被拒绝", "JSON that names a member twice is refused"), "key")
def duplicate(probe: Probe) -> str:
    """Name the grant twice, plainly and by an escape: readers differ in which one they take."""
    text = json.dumps(probe.body())
    for again in ('{"grant":"X",', '{"gr\\u0061nt":"X",'):
        expect(probe.ask(body=(again + text[1:]).encode()), "request.duplicate")
    return "request.duplicate"


@rule("asking.grant", ("他人或不存在的授权一律称未知", "a grant of another or of nobody is unknown"), "key")
def grant(probe: Probe) -> str:
    """Name a grant that cannot be."""
    return expect(probe.ask(probe.body(grant="SQ-0000-000000")), "grant.unknown")


def _has_records(seen: Seen) -> bool:
    return isinstance(seen.document, dict) and "records" in seen.document
