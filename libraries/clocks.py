"""Why: whatever is put to a department to verify has one period by law. Asked by the tickets of quarantined rows and of conflicts."""

import logging
from datetime import date

from sqlalchemy.orm import Session

from catalog import deadlines
from libraries import batches
from schemas.calendar import CHINA
from schemas.errors import Terminal

RULE = "correction_verify"  # 政务数据共享条例 art. 26: the period in which a department verifies and corrects
log = logging.getLogger(__name__)


def verify_by(session: Session) -> date | None:
    """Return the day by which a department asked today answers; where no rule is in force a ticket stands without one, and the log says so."""
    try:
        return deadlines.due_date(session, RULE, batches.now().astimezone(CHINA).date()).date
    except Terminal as error:
        log.warning("tickets have no due date: %s", error.code)
        return None
