"""Why: a witness is asked over HTTP: POST /add-checkpoint and nothing else (C2SP tlog-witness). Standard library only, so that another bureau may run it
on any small machine. Called by `hutong witness run` and tests.
"""

import logging
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from exchange_api.witness.judging import Verdict, Witness

MOST_BYTES = 65_536
SECONDS = 10
log = logging.getLogger(__name__)


class WitnessServer(ThreadingHTTPServer):
    """The listening witness; `shutdown()` ends it, what is being answered is finished."""

    daemon_threads = False

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        super().__init__(address, _Asked)


class _Asked(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SECONDS  # a caller that says nothing holds a thread no longer

    def do_POST(self) -> None:
        """Answer one submission."""
        length = self.headers.get("content-length", "")
        if not length.isascii() or not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            return self._answer(Verdict(413 if length.isdecimal() else 411, "send a body of known, small length\n"))
        body = self.rfile.read(int(length))
        if self.path != "/add-checkpoint":
            return self._answer(Verdict(404, "only add-checkpoint is here\n"))
        assert isinstance(self.server, WitnessServer)
        verdict = self.server.witness.judge(body)
        if verdict.status in (409, 422):
            log.warning(
                "refused with %d, old size and checkpoint: %r", verdict.status, body[:2_000]
            )  # proof of a log's misbehaviour, perhaps
        return self._answer(verdict)

    def _answer(self, verdict: Verdict) -> None:
        data = verdict.body.encode()
        self.send_response(verdict.status)
        self.send_header("content-type", verdict.content_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet about what went well."""
        log.debug(format, *arguments)
