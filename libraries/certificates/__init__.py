"""Why: certificates are more than entries of a register: they have files with seals, types, versions, copies that name their purpose, and issuers who
owe what is missing. Called by `hutong certificate` and the certificate desk of the exchange; merging and serving know nothing of it.
"""
