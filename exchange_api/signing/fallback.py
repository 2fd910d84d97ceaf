"""Why: questions that are valid RFC 9421 but not spelled exactly as the profile does (other order, `alg`, more components, a second signature)
are judged by the general library, http-message-signatures, never by own code. Called by `requests` only. The library is imported inside the
functions: an application system or an offline verifier that only speaks the profile does not need it.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from exchange_api.signing.messages import REQUEST_COMPONENTS, REQUEST_LABEL, REQUEST_TAG, Request
from schemas.errors import Denied

if TYPE_CHECKING:
    from exchange_api.signing.algorithms import PublicKey

_PARAMETERS = {"created": int, "expires": int, "nonce": str, "keyid": str, "tag": str}


class _Message:
    """The request shape http-message-signatures reads."""

    def __init__(self, request: Request) -> None:
        query = f"?{request.query}" if request.query else ""
        self.method, self.url, self.headers = (
            request.method,
            f"http://{request.authority}{request.path}{query}",
            dict(request.headers),
        )


def read(request: Request) -> tuple[dict[str, Any], set[str], str]:
    """Return (parameters, plainly covered component names, serialised params) of signature `sig1`; raises Denied signature.malformed, signature.tag."""
    import http_sf

    try:
        parsed: Any = http_sf.parse(request.headers["signature-input"].encode("ascii"), tltype="dictionary")
        items, parameters = parsed[REQUEST_LABEL]
        components = {str(name) for name, flags in items if not flags}
        values = dict(parameters)
        params = str(http_sf.ser({REQUEST_LABEL: parsed[REQUEST_LABEL]}))[len(REQUEST_LABEL) + 1 :]
    except (ValueError, TypeError, KeyError, UnicodeEncodeError) as wrong:
        raise Denied(
            "signature.malformed", reason=f"header Signature-Input holds no readable `{REQUEST_LABEL}`"
        ) from wrong
    for name, kind in _PARAMETERS.items():
        if not isinstance(values.get(name), kind):
            raise Denied("signature.malformed", reason=f"parameter `{name}` is missing or of the wrong kind")
    if values["tag"] != REQUEST_TAG:
        raise Denied("signature.malformed", reason=f"parameter `tag` is not {REQUEST_TAG}")
    return values, components, params


def verify(request: Request, key: "PublicKey", params: str) -> str:
    """Verify signature `sig1` with the library and return the signed base; raises Denied signature.wrong."""
    import http_message_signatures as library
    from http_message_signatures import algorithms

    kind = algorithms.ED25519 if key.algorithm == "ed25519" else algorithms.ECDSA_P256_SHA256
    keys = library.MappingKeyResolver(public_keys={key.keyid: key.pem()}, private_keys={})
    verifier = library.HTTPMessageVerifier(signature_algorithm=kind, key_resolver=keys)
    verifier.max_clock_skew = timedelta(seconds=300)
    try:
        (result,) = verifier.verify(
            _Message(request),
            expect_tag=REQUEST_TAG,
            expect_label=REQUEST_LABEL,
            require_components=REQUEST_COMPONENTS,
            max_age=timedelta(seconds=600),
        )
    except (library.HTTPMessageSignaturesException, ValueError) as wrong:
        raise Denied("signature.wrong", keyid=key.keyid) from wrong
    if result.covered_components['"@signature-params"'] != params:
        raise Denied("signature.wrong", keyid=key.keyid)
    return "\n".join(f"{name}: {value}" for name, value in result.covered_components.items())


def digest_matches(value: str, body: bytes) -> bool:
    """Say whether a Content-Digest in another spelling (several algorithms) fits the body; every digest given must fit."""
    try:
        from http_message_signatures import ContentDigest, HTTPMessageSignaturesException
    except ImportError:
        return False
    try:
        ContentDigest.verify(value, body)
    except (HTTPMessageSignaturesException, UnicodeEncodeError):
        return False
    return True
