"""Why: the type of a failure decides whether Airflow tries again. Only files of dags/ import this."""

from collections.abc import Callable
from typing import TypeVar

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from schemas.errors import HutongError, Language, Transient

LANGUAGES: tuple[Language, ...] = ("zh", "en")
DECISIONS = ("landing.paused",)  # somebody wished it so: the run is skipped, which is no failure
T = TypeVar("T")


def decide(work: Callable[[], T]) -> T:
    """Return what `work` returns. Only a transient failure is tried again by Airflow: neither wrong input nor a bug mends itself by waiting."""
    try:
        return work()
    except Transient:
        raise
    except HutongError as error:
        words = " / ".join(f"{error.title(language)} {error.remedy(language)}" for language in LANGUAGES)
        said = AirflowSkipException if error.code in DECISIONS else AirflowFailException
        raise said(f"[{error.code}] {words}") from error
    except Exception as error:
        kind = type(error).__name__
        raise AirflowFailException(
            f"{kind}: not a catalogued failure, so not tried again; the traceback says more"
        ) from error
