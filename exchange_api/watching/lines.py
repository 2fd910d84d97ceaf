"""Why: machines read logs too, and logs are read by people who may not know who was looked up. With HUTONG_LOGS=json the API writes JSON lines: one for each
answer, and what its parts say, in which nothing is left that looks like a citizen id or a unified social credit code. Called by `app` and
`watching`.

Messages of foreign errors may quote values, so an exception is told by its kind and place alone.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, BinaryIO

import orjson

from exchange_api.tracing.kinds import hide_personal
from exchange_api.watching.settings import WatchSettings

_GRANT = re.compile(r"SQ-\d{4}-\d{6}")
_SERVER = ("uvicorn", "uvicorn.error", "uvicorn.access")


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as a line without its end."""
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "logger": record.name, "message": hide_personal(record.getMessage()),
        }  # fmt: skip
        if record.exc_info and record.exc_info[0]:
            said["error"] = record.exc_info[0].__name__
            if frames := traceback.extract_tb(record.exc_info[2]):
                said["where"] = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}"
        return json.dumps(said, ensure_ascii=False)


def begin() -> None:
    """Let everything this process logs leave as JSON lines on standard error, where that is set; doing it again changes nothing."""
    if WatchSettings().logs != "json":
        return
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [lines]
    if root.level > logging.INFO or root.level == logging.NOTSET:
        root.setLevel(logging.INFO)
    for name in _SERVER:
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = [], True


def say_answered(stream: BinaryIO, route: str, told: tuple[str, int, float], answer: Any) -> None:
    """Write the line of one answer; told: method, status, seconds; answer: the `Answer` made, None outside /v1/."""
    method, status, seconds = told
    line: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": "info", "logger": "hutong.answers", "method": method,
        "route": route, "status": status, "ms": round(seconds * 1000, 2),
    }  # fmt: skip
    if answer is not None:
        line |= {"receipt": answer.receipt, "code": answer.code, "application": answer.application_id}
        if answer.grant_id is not None:  # as the caller wrote it
            known = _GRANT.fullmatch(answer.grant_id)
            line["grant"] = answer.grant_id if known else hide_personal(answer.grant_id)
    stream.write(orjson.dumps(line) + b"\n")
    stream.flush()
