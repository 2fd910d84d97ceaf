"""Why: every signed question begins the same way: who asks, in which words, under which grant and for what purpose. What is learnt goes into the answer at
once, so that a refusal at any step leaves evidence of it. Called by `delivery`, `certificate_desk` and `counter`.
"""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from exchange_api.answer import Answer
from exchange_api.auth import authenticate
from exchange_api.hub import Hub
from exchange_api.permit import Permit, check_grant, check_mode, check_purpose
from exchange_api.problems import malformed
from exchange_api.strict_json import require_strict
from schemas.errors import Invalid, Transient
from schemas.messages.exchange import Question

Form = TypeVar("Form", bound=BaseModel)


async def know(hub: Hub, answer: Answer) -> None:
    """Find out who asks, by the question's signature. Raises what `authenticate` raises, Denied `application.address`, Transient
    `application.busy`.
    """
    answer.know(await authenticate(answer.request, hub.keys, hub.authorities))
    _claim(answer)
    await hub.guard.admit(answer.application_id or "")


def read(answer: Answer, model: type[Form]) -> Form:
    """Return the question's body as `model`. Raises Invalid `request.media_type`, `request.malformed`, and as `require_strict`."""
    if not answer.request.headers.get("content-type", "").lower().startswith("application/json"):
        raise Invalid("request.media_type")
    require_strict(answer.request.body)
    try:
        return model.model_validate_json(answer.request.body)
    except ValidationError as wrong:
        raise malformed(wrong) from None


async def permit(hub: Hub, answer: Answer, asked: Question, library_name: str) -> Permit:
    """Hold the question's grant and purpose against what was granted; what it names goes into the evidence first. Raises what `check_grant`,
    `check_mode` and `check_purpose` raise.
    """
    answer.grant_id, answer.library = asked.grant, library_name
    _claim(answer)  # whoever did not come by `know`
    asker = answer.application_id or ""
    granted = check_grant(await hub.permit(asked.grant, asker), asker, library_name)
    if granted.is_sandbox:
        answer.mark_sandbox()
    check_mode(granted, asked.MODE)
    check_purpose(granted, asked.purpose)
    answer.purpose = {"service_item": asked.purpose.service_item}
    if asked.purpose.case is not None:
        answer.purpose["case"] = asked.purpose.case
    return granted


def _claim(answer: Answer) -> None:
    """Let the question count as its application's; one that has its share already keeps its nonce, so that the very same question may come again."""
    if answer.place is None or answer.application_id is None:
        return
    try:
        answer.place.claim(answer.application_id)
    except Transient:
        answer.nonce = None
        raise
