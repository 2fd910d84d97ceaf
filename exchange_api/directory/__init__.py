"""Why: officers change the directory from the portal: by workbook, by review, by withdrawal. Rules are the catalog storey's; here is who may, in one
transaction with what follows for grants, tasks and notices. Called by pages.
"""
