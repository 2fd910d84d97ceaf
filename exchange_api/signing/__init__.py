"""HTTP Message Signatures in the profile `hutong-9421/1` (RFC 9421, RFC 9530; docs: exchange protocol), as pure functions over plain values.

`algorithms` (keys), `messages` (what is covered), `requests` (questions), `responses` (answers), `fallback` (other spellings, by the library),
`second` with `sm2` and `libcrypto` (a signature beside the first), `hsm` (keys that never leave a token).
"""

from exchange_api.signing.algorithms import (
    Algorithm,
    HubSigner,
    Jwk,
    PublicKey,
    Signer,
    SoftwareSigner,
    public_key_from_jwk,
    public_key_from_pem,
    thumbprint,
)
from exchange_api.signing.messages import Request, Response, content_digest, signature_base
from exchange_api.signing.requests import (
    Claim,
    VerifiedRequest,
    confirm_claim,
    read_claim,
    sign_request,
    verify_request,
)
from exchange_api.signing.responses import SignedResponse, VerifiedResponse, sign_response, verify_response

__all__ = [
    "Algorithm",
    "Claim",
    "HubSigner",
    "Jwk",
    "PublicKey",
    "Request",
    "Response",
    "SignedResponse",
    "Signer",
    "SoftwareSigner",
    "VerifiedRequest",
    "VerifiedResponse",
    "confirm_claim",
    "content_digest",
    "public_key_from_jwk",
    "public_key_from_pem",
    "read_claim",
    "sign_request",
    "sign_response",
    "signature_base",
    "thumbprint",
    "verify_request",
    "verify_response",
]
