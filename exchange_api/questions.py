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
from schemas.errors import Invalid
from schemas.messages.exchange import Question

Form = TypeVar("Form", bound=BaseModel)


async def know(hub: Hub, answer: Answer) -> None:
    """Find out who asks, by the question's signature. Raises what `authenticate` raises."""
    answer.know(await authenticate(answer.request, hub.keys, hub.authorities))


def read(answer: Answer, model: type[Form]) -> Form:
    """Return the question's body as `model`. Raises Invalid `request.media_type`, `request.malformed`."""
    if not answer.request.headers.get("content-type", "").lower().startswith("application/json"):
        raise Invalid("request.media_type")
    try:
        return model.model_validate_json(answer.request.body)
    except ValidationError as wrong:
        raise malformed(wrong) from None


async def permit(hub: Hub, answer: Answer, asked: Question, library_name: str) -> Permit:
    """Hold the question's grant and purpose against what was granted; what it names goes into the evidence first. Raises what `check_grant`,
    `check_mode` and `check_purpose` raise.
    """
    answer.grant_id, answer.library = asked.grant, library_name
    granted = check_grant(await hub.permits.get(asked.grant), answer.application_id or "", library_name)
    check_mode(granted, asked.MODE)
    check_purpose(granted, asked.purpose)
    answer.purpose = {"service_item": asked.purpose.service_item}
    if asked.purpose.case is not None:
        answer.purpose["case"] = asked.purpose.case
    return granted
