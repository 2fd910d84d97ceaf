"""Why: Great Expectations' own page of a batch (Data Docs) is what stewards elsewhere know, so it can be read where the batch is. It was written by another
program from words of many hands: scripts, navigation and links to elsewhere are taken out, and the browser is told to run and load nothing. Called by the
batch's page; who may see it is said by `sight`.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from sqlalchemy.orm import Session

from exchange_api.actors import Actor
from exchange_api.steward import sight
from libraries import landing
from libraries.storage import failures_named
from schemas.errors import Invalid

_ACTIVE = re.compile(
    r"<script\b.*?</script\s*>|<nav\b.*</nav\s*>|<link\b[^>]*>|<(?:iframe|object|embed|base|form)\b[^>]*>|<meta\b[^>]*http-equiv[^>]*>"
    r"|<footer\b.*?</footer\s*>",
    re.DOTALL | re.IGNORECASE,
)
_TO_ELSEWHERE = re.compile(r"""\s(?:href|src|on\w+)\s*=\s*(?:"(?!#)[^"]*"|'(?!#)[^']*')""", re.IGNORECASE)
_ICON = re.compile(r"<i\b[^>]*\bfa-(check-circle|times|exclamation-triangle)\b[^>]*>\s*</i>")
_SIGNS = {"check-circle": "✓", "times": "✗", "exclamation-triangle": "⚠"}
"""What the page says by pictures of a font that is not loaded."""
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style\s*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class DataDocs:
    """The page and the policy it must be served with: nothing runs, nothing is loaded, only its own style sheets by their digests."""

    page: str
    policy: str


def read(session: Session, actor: Actor, batch_id: str) -> DataDocs:
    """Return a checked batch's Data Docs. Raises what `sight.require_batch` raises, Invalid `steward.no_docs`, and what the landing storage raises."""
    task = sight.require_batch(session, actor, batch_id)
    with failures_named():
        content = landing.folder_of(task.batch.path).read("quality", "index.html") if task.batch.path else None
    if content is None:
        raise Invalid("steward.no_docs", batch=batch_id)
    return harmless(content.decode("utf-8", "replace"))


def harmless(page: str) -> DataDocs:
    """Return a page without anything that acts or leads elsewhere, with the policy that holds it to that."""
    bare = _ICON.sub(lambda icon: _SIGNS[icon[1]], _TO_ELSEWHERE.sub("", _ACTIVE.sub("", page)))
    styles = " ".join(sorted({f"'sha256-{_digest(one)}'" for one in _STYLE.findall(bare)})) or "'none'"
    rules = (
        "sandbox",
        "default-src 'none'",
        f"style-src {styles}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return DataDocs(bare, "; ".join(rules))


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.replace("\r\n", "\n").encode()).digest()).decode()
