"""Why: the pages of application teams: the systems with their keys, grants and refusals, and trying the API signed. `mounting` hangs up what ROOMS holds."""

from exchange_api.portal.pages.applications import keys, systems, trial

ROOMS = (systems, keys, trial)
