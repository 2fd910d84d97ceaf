"""Why: what the hourly DAGs call: what time makes due. Only `dags.directory` and `dags.desks` import this; desks are imported inside: parsing stays cheap."""

import logging
from importlib import import_module

from dags.failures import decide


def keep_up() -> None:
    """Let due versions and reforms of the directory take effect, bring grants along, and remind of reviews."""

    def work() -> None:
        upkeep, database = import_module("exchange_api.upkeep"), import_module("schemas.database")
        with database.transaction() as session:
            logging.getLogger(__name__).info("%s", upkeep.keep_up(session))

    decide(work)


def call_back() -> None:
    """Close objections that were corrected or ruled on, do what a crash left of stewards' orders, open and follow recalls, remind whoever is late."""

    def work() -> None:
        settled = import_module("exchange_api.objections.objection_upkeep").keep_objections()
        import_module("exchange_api.steward.orders").work_off()
        followed = import_module("exchange_api.recalls.recall_upkeep").keep_recalls()
        logging.getLogger(__name__).info("%s %s", settled, followed)

    decide(work)


def keep_clocks() -> None:
    """Remind of what is due, hand what stays late to supervision, count provisional dates anew."""

    def work() -> None:
        logging.getLogger(__name__).info("%s", import_module("exchange_api.clocks.clock_upkeep").keep_all())

    decide(work)


def learn_words() -> None:
    """Propose synonyms that confirmed answers speak for; the authority decides."""

    def work() -> None:
        new = import_module("exchange_api.matching.proposals").keep_proposals()
        logging.getLogger(__name__).info("%s proposals of synonyms", new)

    decide(work)


def keep_grants() -> None:
    """Let grants expire, warn of it, hold what they stand on and how they are used, let undecided wishes for more lapse."""

    def work() -> None:
        logging.getLogger(__name__).info("%s", import_module("exchange_api.grant.grant_upkeep").keep_all())

    decide(work)
