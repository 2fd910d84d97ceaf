"""Why: a refusal is an answer, and a program must be able to act on it: by its code, in words for its user, with the receipt that proves it.
Raised by `Hub`; the words are the hub's own, because it may know codes that this version does not.
"""

from typing import Any

from exchange_api.client.wire import Answer
from schemas.errors import ErrorCode, HutongError, Language


class Refused(HutongError):
    """The hub's verified refusal: `code`, `title(language)`, `remedy(language)`, `facts`, `receipt_id`. Its words hold no personal data."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        told = answer.document if isinstance(answer.document, dict) else {}
        code, status = str(told.get("code", f"http.{answer.response.status}")), answer.response.status
        words = [
            {"zh": str(told.get(f"{one}_zh", code)), "en": str(told.get(one, code))} for one in ("title", "remedy")
        ]
        self.entry = ErrorCode(code, status, *words)
        self.code, self.status, self.facts = code, status, dict(told.get("facts", {}))
        Exception.__init__(self, f"{code}: {self._explained()}")

    @property
    def document(self) -> Any:
        """Return the problem document (RFC 9457)."""
        return self.answer.document

    @property
    def receipt_id(self) -> str | None:
        """Return the id of the evidence entry of the refusal."""
        return self.answer.receipt_id

    @property
    def clock_difference(self) -> int | None:
        """Return by how many seconds this machine's clock is ahead of the hub's (behind: negative), when that is why it refused."""
        found = self.document.get("clock_difference") if isinstance(self.document, dict) else None
        return int(found) if found is not None else None

    def title(self, language: Language = "zh") -> str:
        """Return what failed, in the hub's words."""
        return self.entry.title[language]

    def remedy(self, language: Language = "zh") -> str:
        """Return how to mend it; for a wrong clock also whose clock and in which direction."""
        words = self.entry.remedy[language]
        if (seconds := self.clock_difference) is None:
            return words
        if language == "zh":
            return f"{words}本机时钟比平台{'快' if seconds > 0 else '慢'} {abs(seconds)} 秒。"
        return f"{words} This machine's clock is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} the hub's."

    def __reduce__(self) -> tuple[Any, ...]:
        """Survive pickling between worker processes."""
        return Refused, (self.answer,)

    def _explained(self) -> str:
        return f"{self.title('en')} {self.remedy('en')}"
