"""Why: anybody may check the hub: the log's checkpoint and tiles (C2SP tlog-tiles), receipts with their proofs, and every key ever used (RFC 7517)."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import PlainTextResponse

from exchange_api.deps import SessionDep
from exchange_api.evidence.log import tile
from exchange_api.evidence.receipts import require_document
from exchange_api.evidence.vouched import newest_vouched
from exchange_api.keys import KeySettings, jwks
from schemas.errors import Invalid, Transient

router = APIRouter()
ReceiptId = Annotated[str, Path(description="Receipt id from the header X-Receipt.", max_length=64)]
Cosigned = Annotated[bool, Query(description="The newest that a witness has cosigned, a few seconds older.")]


@router.get("/v1/log/checkpoint", tags=["evidence"], response_class=PlainTextResponse)
def checkpoint(session: SessionDep, cosigned: Cosigned = False) -> PlainTextResponse:
    """Return the newest signed checkpoint of the evidence log with its cosignatures (C2SP tlog-checkpoint). 最新检查点"""
    newest = newest_vouched(session, cosigned)
    if newest is None:
        raise Transient("log.empty")
    return PlainTextResponse(newest.note, headers={"cache-control": "no-store"})


@router.get("/v1/log/tile/{path:path}", tags=["evidence"], response_class=Response)
def log_tile(path: str, session: SessionDep) -> Response:
    """Return a tile of hashes or a bundle of entries (C2SP tlog-tiles). 日志分片"""
    found = tile(session, path)
    if found is None:
        raise Invalid("log.no_tile")
    return Response(
        found, media_type="application/octet-stream", headers={"cache-control": "public, max-age=31536000, immutable"}
    )


@router.get("/v1/receipts/{receipt}", tags=["evidence"])
def receipt(receipt: ReceiptId, session: SessionDep) -> dict[str, Any]:
    """Return a receipt's evidence entry with its inclusion proof; bodies are held by the asker alone. 回执"""
    return require_document(session, receipt)


@router.get("/v1/receipts/{receipt}/proof", tags=["evidence"], response_class=PlainTextResponse)
def proof(receipt: ReceiptId, session: SessionDep) -> PlainTextResponse:
    """Return the inclusion proof of a receipt's entry (C2SP tlog-proof). 存证证明"""
    return PlainTextResponse(require_document(session, receipt)["proof"])


@router.get("/.well-known/jwks.json", tags=["evidence"])
def keys(session: SessionDep, response: Response) -> dict[str, Any]:
    """Return every signing key the hub ever used, with its period; retired keys stay. 平台公钥"""
    response.headers["cache-control"] = f"public, max-age={KeySettings().keys_ahead_s}"
    return dict(jwks(session))
