"""Why: the data steward's pages: pipelines, batches, quarantine, conflicts, retraction, quality, records. `mounting` hangs up what ROOMS holds."""

from exchange_api.portal.pages.steward import (
    batch,
    conflicts,
    pipelines,
    progress,
    quality,
    quarantine,
    records,
    waivers,
    workbooks,
)

ROOMS = (pipelines, batch, quarantine, conflicts, quality, records, progress, workbooks, waivers)
