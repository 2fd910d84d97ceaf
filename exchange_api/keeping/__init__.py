"""How secrets of the hub lie on disk: `kek` and `vault` (the key-encryption key and where it comes from), `envelope` (what a sealed secret looks like),
`files` (reading, writing and moving the secrets of the keys folder whole or not at all).
"""
