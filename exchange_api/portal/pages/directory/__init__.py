"""Why: the directory's desk: workbooks, the review of versions, service items, data elements, departments. `mounting` hangs up what ROOMS holds."""

from exchange_api.portal.pages.directory import editing, elements, review, services, workbook

ROOMS = (workbook, editing, review, services, elements)
