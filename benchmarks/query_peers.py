"""Why: what proof itself costs. `handler` is our own worker, edge and delivery with exactly three things switched off: checking the caller's signature, signing
the answer, and its evidence. It gives the same JSON as ours. Run as a process by `benchmarks.query`; `query_plain` has the peers that know nothing of us.
"""

from exchange_api import questions, worker
from exchange_api.answer import Answer
from exchange_api.answering import Answering
from exchange_api.hub import Hub
from exchange_api.sealing import Sealed


async def _know(hub: Hub, answer: Answer) -> None:  # noqa: ARG001 - in another's place
    """Believe whoever asks."""
    answer.application_id = "bench"


async def _unsealed(self: Answering, hub: Hub, answer: Answer) -> Sealed:  # noqa: ARG001 - in a method's place
    """Let an answer leave as it is."""
    if answer.use:
        hub.quota.release(answer.use)
    return Sealed(answer.status, {"content-type": answer.content_type}, answer.body())


if __name__ == "__main__":
    questions.know = _know
    Answering._seal = _unsealed  # type: ignore[method-assign]
    worker.main()
