"""Why: a case's way is a table, not a tangle of ifs. Here are all of them: states, actions and where each leads, for demands, supply tasks, answers, grants,
disputes. Desks move cases by these tables alone; tests walk every state and every action.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.errors import Invalid

Ways = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Machine:
    """One kind of case. ways: action → {from state: to state}; ends: states in which nobody owes anybody a step, though a case may be opened again."""

    kind: str
    initial: str
    ends: frozenset[str]
    ways: Ways

    @property
    def states(self) -> frozenset[str]:
        """Return every state the table names."""
        ways = self.ways.values()
        return frozenset({self.initial} | {state for way in ways for pair in way.items() for state in pair})

    def possible(self, state: str) -> tuple[str, ...]:
        """Return the actions the table allows from a state."""
        return tuple(action for action, way in self.ways.items() if state in way)

    def after(self, case: str, state: str, action: str) -> str:
        """Return the state an action leads to. Raises Invalid `case.wrong_state`."""
        if state in self.ways[action]:
            return self.ways[action][state]
        possible = ", ".join(self.possible(state)) or "-"
        raise Invalid("case.wrong_state", case=case, state=state, action=action, possible=possible)


def _all(states: str, to: str) -> dict[str, str]:
    return dict.fromkeys(states.split(), to)


DEMAND = Machine(
    "demand", "draft", frozenset({"closed", "withdrawn", "refused"}),
    {
        "submit": _all("draft returned", "submitted"),
        "return": _all("submitted", "returned"),
        "withdraw": _all("draft submitted returned dispatched needs_information offered", "withdrawn"),
        "dispatch": _all("submitted", "dispatched"),
        "ask": _all("dispatched", "needs_information"),
        "inform": _all("needs_information", "dispatched"),
        "offer": _all("dispatched", "offered"),
        "answer": _all("dispatched offered", "answered"),
        "refuse": _all("submitted dispatched offered answered", "refused"),
        "provide": _all("answered", "provided"),
        "accept": _all("provided", "accepted"),
        "close": _all("accepted", "closed"),
        "reopen": _all("refused answered provided closed", "dispatched"),
    },
)  # fmt: skip
"""offered: every provider has spoken and a counter-offer waits for the demander. answered: promised items are still to come. reopen: a dispute was sent
back, or the demander objects to what was provided.
"""

TASK = Machine(
    "supply_task", "open", frozenset({"answered", "cancelled"}),
    {"answer": _all("open", "answered"), "cancel": _all("open", "cancelled")},
)  # fmt: skip

SHARE = Machine(
    "task_demand", "open", frozenset({"answered", "withdrawn"}),
    {
        "ask": _all("open", "needs_information"),
        "inform": _all("needs_information", "open"),
        "answer": _all("open", "answered"),
        "withdraw": _all("open needs_information", "withdrawn"),
    },
)  # fmt: skip
"""One demand's share in a supply task that several demands share."""

ANSWER = Machine(
    "supply_answer", "waiting", frozenset({"confirmed", "refused", "declined", "cancelled"}),
    {
        "confirm": _all("waiting", "confirmed"),
        "will_provide": _all("waiting", "promised"),
        "counter_offer": _all("waiting", "offered"),
        "refuse": _all("waiting promised", "refused"),
        "take": _all("offered", "confirmed"),
        "decline": _all("offered", "declined"),
        "fulfil": _all("promised", "confirmed"),
        "cancel": _all("waiting promised offered", "cancelled"),
    },
)  # fmt: skip
"""A provider's word on one wanted item; only what is confirmed becomes part of a grant."""

INFORMATION = Machine(
    "information_request", "asked", frozenset({"told", "dropped"}), {"tell": _all("asked", "told"), "drop": _all("asked", "dropped")}
)  # fmt: skip

DISPUTE = Machine(
    "dispute", "negotiating", frozenset({"settled", "sent_back", "upheld", "finally_upheld", "withdrawn"}),
    {
        "settle": _all("negotiating", "settled"),
        "refer": _all("negotiating", "adjudicating"),
        "send_back": _all("adjudicating escalated", "sent_back"),
        "uphold": {"adjudicating": "upheld", "escalated": "finally_upheld"},
        "escalate": _all("upheld", "escalated"),
        "withdraw": _all("negotiating adjudicating escalated", "withdrawn"),
    },
)  # fmt: skip
"""Three steps (政务数据共享条例 art. 28): negotiate, the authority, the common superior. settled and sent_back open the demand again."""

GRANT = Machine(
    "grant", "draft", frozenset({"expired", "revoked", "closed"}),
    {
        "activate": _all("draft", "active"),
        "expire": _all("active", "expired"),
        "revoke": _all("draft active", "revoked"),
        "close": _all("draft active", "closed"),
    },
)  # fmt: skip
"""Suspension is no state: three flags beside it, each lifted only by its side."""

QUOTA = Machine(
    "quota_request", "asked", frozenset({"approved", "declined", "lapsed"}),
    {"approve": _all("asked", "approved"), "decline": _all("asked", "declined"), "lapse": _all("asked", "lapsed")},
)  # fmt: skip

CLOCK = Machine(
    "clock", "running", frozenset({"met", "cancelled"}),
    {
        "pause": _all("running", "paused"),
        "resume": _all("paused", "running"),
        "stop": _all("running paused", "met"),
        "cancel": _all("running paused", "cancelled"),
    },
)  # fmt: skip

DELIVERY = Machine(
    "notice_delivery", "waiting", frozenset({"sent", "failed", "dropped"}),
    {"send": _all("waiting", "sent"), "fail": _all("waiting", "failed"), "drop": _all("waiting", "dropped")},
)  # fmt: skip
"""One notice on its way to one address outside the portal; in the portal it stands in any case."""

EXTENSION = Machine(
    "clock_extension", "asked", frozenset({"granted", "declined", "lapsed"}),
    {"grant": _all("asked", "granted"), "decline": _all("asked", "declined"), "lapse": _all("asked", "lapsed")},
)  # fmt: skip
"""lapsed: the step was done, or its day passed, before anybody decided."""

PROPOSAL = Machine(
    "synonym_proposal", "proposed", frozenset({"accepted", "declined"}),
    {"accept": _all("proposed", "accepted"), "decline": _all("proposed", "declined")},
)  # fmt: skip
"""What the matching would learn and the authority decides; what is declined is not proposed again."""

SCORE_OBJECTION = Machine(
    "score_objection", "open", frozenset({"upheld", "rejected", "withdrawn"}),
    {"uphold": _all("open", "upheld"), "reject": _all("open", "rejected"), "withdraw": _all("open", "withdrawn")},
)  # fmt: skip
"""A department against a case that was counted in its score."""

MACHINES = (
    DEMAND,
    TASK,
    SHARE,
    ANSWER,
    INFORMATION,
    DISPUTE,
    GRANT,
    QUOTA,
    CLOCK,
    DELIVERY,
    EXTENSION,
    PROPOSAL,
    SCORE_OBJECTION,
)
