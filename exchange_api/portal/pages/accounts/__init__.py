"""Why: the pages of accounts: signing in beyond the password, one's own account, administration, and the trail."""

from exchange_api.portal.pages.accounts import administering, own, providers, stages, trailing

ROOMS = (stages, providers, own, administering, trailing)
