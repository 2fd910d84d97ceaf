"""Why: the supervisor asks its children whether they are ready; the standard library is enough, and a proxy must never be in between."""

import http.client
import json
from typing import Any


def read_loopback(port: int, path: str) -> dict[str, Any] | None:
    """Return the JSON object at `path` of the server on `port`, None while there is none (not up yet, an error, not JSON)."""
    status, body = _get(port, path)
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if status == 200 and isinstance(document, dict) else None


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
