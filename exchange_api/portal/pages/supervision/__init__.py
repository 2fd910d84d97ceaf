"""Why: the pages of supervision and assessment: what stands still, scores opened down to their cases, objections, weekly reports. `mounting` hangs up
what ROOMS holds.
"""

from exchange_api.portal.pages.supervision import overview, reports, score_objections, scores

ROOMS = (overview, score_objections, scores, reports)
