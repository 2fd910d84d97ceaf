"""The evidence recomputed from its own rows: `walk` goes through entries, leaves, tiles and checkpoints once; `tree`, `rows`, `keys` and `vouchers` hold
each kind to what it must be; `findings` names every row that is not. It reads only, in one snapshot, in bounded memory.
"""
