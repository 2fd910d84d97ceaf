"""Evidence of every answer: `ledger` (entries), `merkle`, `tiles` and `checkpoint` (the log's mathematics and texts), `log` (reading it),
`sequencer` (writing it), `keyring` (hub keys in use), `receipt` (portable proof and its offline verifier).
"""
