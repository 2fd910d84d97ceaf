"""Why: the certificate bureau offers an index to leaf through by cursor and one PDF file per certificate, whose digest the index names.

Run as `python -m hutong.demo.certificate_service --port N --token-file F --data FOLDER`. Files are made when asked for, always the same bytes, so
that thirty thousand of them need no disk.
"""

from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

from hutong.demo.department_service import Answer, Patience, Query, as_json, read_lines, run, serve, whole_number
from hutong.demo.paper import certificate_pdf

LARGEST_PAGE = 2000


def build(port: int, token: str, data: Path) -> ThreadingHTTPServer:
    """Return the server over the certificates of `data`: GET /catalogue/certificates?limit=&after= and /files/NUMBER.pdf."""
    rows = read_lines(data / "index.ndjson")
    papers = {row["certificate_number"]: row for row in read_lines(data / "papers.ndjson")}

    def answer(path: str, query: Query) -> Answer:
        if path.startswith("/files/") and path.endswith(".pdf"):
            paper = papers.get(path[len("/files/") : -len(".pdf")])
            return (
                (200, {"Content-Type": "application/pdf"}, certificate_pdf(SimpleNamespace(**paper)))
                if paper
                else as_json(404, {"message": "无此证照"})
            )
        if path != "/catalogue/certificates":
            return as_json(404, {"message": "接口不存在"})
        size, start = min(whole_number(query, "limit", 500), LARGEST_PAGE), int(query.get("after", "0"))
        end = start + size
        return as_json(
            200, {"total": len(rows), "items": rows[start:end], "next": str(end) if end < len(rows) else None}
        )

    return serve(port, token, Patience(rate=10, burst=8), answer)


if __name__ == "__main__":
    run(build)
