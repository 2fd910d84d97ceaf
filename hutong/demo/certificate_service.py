"""Why: the certificate bureau offers an index to leaf through by cursor and one PDF file per certificate, whose digest the index names.

Run as `python -m hutong.demo.certificate_service --port N --token-file F --data FOLDER`. Files are made when asked for, always the same bytes, so
that thirty thousand of them need no disk.
"""

from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

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
from hutong.demo.paper import certificate_pdf

LARGEST_PAGE = 2000


def build(port: int, token: str, data: Path) -> ThreadingHTTPServer:
    """Return the server over the certificates of `data`: GET /catalogue/certificates?limit=&after= and /files/NUMBER.pdf."""
    index, papers = Lines(data / "index.ndjson"), Lines(data / "papers.ndjson")

    def answer(path: str, query: Query) -> Answer:
        if path.startswith("/files/") and path.endswith(".pdf"):
            return _file(papers, path[len("/files/") : -len(".pdf")])
        if path != "/catalogue/certificates":
            return as_json(404, {"message": "接口不存在"})
        rows = index.rows
        size, start = min(whole_number(query, "limit", 500), LARGEST_PAGE), int(query.get("after", "0"))
        end = start + size
        following = str(end) if end < len(rows) else None
        return as_json(200, {"total": len(rows), "items": rows[start:end], "next": following})

    return DepartmentServer(port, token, Patience(rate=10, burst=8), answer)


def _file(papers: Lines, number: str) -> Answer:
    """Return the PDF of a certificate by its number; numbers are given one after the other, so the place is known."""
    place = int(number.removeprefix("XH") or 0) - 1
    rows = papers.rows
    if not 0 <= place < len(rows) or rows[place]["certificate_number"] != number:
        return as_json(404, {"message": "无此证照"})
    return 200, {"Content-Type": "application/pdf"}, certificate_pdf(SimpleNamespace(**rows[place]))


if __name__ == "__main__":
    run(build)
