"""Why: that an entry's columns say what its document says is asked for every row of an audit, and reading the whole document for it costs more than all
the rest. A document has one spelling, so the columns, spelled alike, must stand in it at their places. Called by `rows`, which reads the rest whole.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_CODE, _FORMAT = b'],"code":', b',"format":"hutong-entry/1","grant_id":'
_REQUEST, _SUBJECTS = b',"request_id":', b',"subjects":['


def is_spelled(document: bytes, told: Sequence[Any]) -> bool:
    """Say whether a document spells these columns; False too when it must be read to know.

    told: id as text, moment in microseconds since 2000 (8 bytes), kind, application, keyid, nonce, request id, grant, library, code, status. Strings within a
    document hold no bare quotation mark, so each mark searched for is of its structure; one that could stand within `facts` too must be the only one.
    """
    entry_id, moment, kind, application, keyid, nonce, request_id, grant, library, code, status = told
    begin = f'{{"application_id":{_quoted(application)},"at":"{_moment(moment)}","batches":['.encode()
    if not document.startswith(begin):
        return False
    at = document.find(_CODE, len(begin))
    if not document.startswith(f'],"code":{_quoted(code)},"directory_versions":['.encode(), at):
        return False
    at = document.find(_FORMAT, at)
    middle = (
        f',"format":"hutong-entry/1","grant_id":{_quoted(grant)},"id":"{entry_id}","keyid":{_quoted(keyid)},"kind":"{kind}",'
        f'"library":{_quoted(library)},"nonce":{_quoted(nonce)},"purpose":'
    ).encode()
    if at < 0 or not document.startswith(middle, at) or document.find(_FORMAT, at + 1) >= 0:
        return False
    at, last = document.rfind(_REQUEST), document.rfind(_SUBJECTS)
    response = f',"request_id":{_quoted(request_id)},"response":'.encode()
    end = b"null" if status is None else b',"status":%d}' % status
    return (
        document.startswith(response, at)
        and document.startswith(end, last - len(end))
        and last - len(end) >= at + len(response)
    )


def _quoted(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _moment(raw: bytes) -> str:
    seconds, rest = divmod(int.from_bytes(raw, "big", signed=True), 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=4_096)
def _second(seconds: int) -> str:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    except OverflowError:
        return ""
