"""Why: market regulation's registration system answers by pages with a token, says 429 when asked too fast and 503 now and then.

Run as `python -m hutong.demo.market_service --port N --token-file F --data FOLDER`, a process of its own beside the embedded services.
"""

from http.server import ThreadingHTTPServer
from pathlib import Path

from hutong.demo.department_service import (
    Answer,
    DepartmentServer,
    Lines,
    Patience,
    Query,
    as_json,
    run,
    whole_number,
)

LARGEST_PAGE = 1000


def build(port: int, token: str, data: Path) -> ThreadingHTTPServer:
    """Return the server over the enterprises of `data`: GET /api/v2/enterprises?pageNum=&pageSize=."""
    lines = Lines(data / "enterprises.ndjson")

    def answer(path: str, query: Query) -> Answer:
        if path != "/api/v2/enterprises":
            return as_json(404, {"code": 404, "message": "接口不存在"})
        number, size = whole_number(query, "pageNum", 1), min(whole_number(query, "pageSize", 100), LARGEST_PAGE)
        rows = lines.rows
        page = rows[(number - 1) * size : number * size]
        return as_json(
            200, {"code": 200, "message": "success", "data": {"total": len(rows), "pageNum": number, "rows": page}}
        )

    return DepartmentServer(port, token, Patience(rate=8, burst=6), answer)


if __name__ == "__main__":
    run(build)
