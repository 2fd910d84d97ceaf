"""Why: figures, spans and lines of log speak of classes of routes, never of paths: those hold ids and are without number. Called by the room `watching`."""

from schemas.library import LIBRARIES

_EXACT = {
    **{f"/v1/libraries/{name}/{what}": f"{name}.{what}" for name in LIBRARIES for what in ("query", "verify")},
    "/v1/certificates/query": "certificate.query", "/v1/certificates/verify": "certificate.verify", "/healthz": "health",
    "/readyz": "health", "/metrics": "metrics",
}  # fmt: skip
_ROOMS = frozenset(
    ("answers", "certificates", "changes", "deadlines", "demands", "disputes", "errors", "exports", "extensions", "grants", "inbox", "information",
     "legacy", "libraries", "log", "notices", "oauth", "objections", "quota-requests", "recalls", "supply-tasks", "trace")
)  # fmt: skip


def route_of(path: str) -> str:
    """Return the class of a path; one of a few dozen words, whatever the path."""
    known = _EXACT.get(path)
    if known is not None:
        return known
    if path.startswith("/v1/"):
        room = path[4:].partition("/")[0]
        return room if room in _ROOMS else "unknown"
    return "static" if path.startswith("/static/") else "portal"
