"""Why: the mathematics of the log, RFC 6962 §2.1 and RFC 9162 §2.1: which nodes a proof needs, and how a proof is checked. Pure, standard library only.

A node (level, index) is the root of the perfect subtree over leaves [index·2^level, (index+1)·2^level). Callers: tiles, log, receipt.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

Node = tuple[int, int]
ReadNode = Callable[[int, int], bytes]
Span = tuple[int, int]
EMPTY_ROOT = hashlib.sha256().digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of sibling hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [hash_children(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def span_nodes(span: Span) -> Iterator[Node]:
    """Yield the perfect subtrees, left to right, that make up leaves [start, end); `start` must be aligned as in a proof."""
    start, end = span
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def span_root(span: Span, read: ReadNode) -> bytes:
    """Return MTH of leaves [start, end)."""
    roots = [read(level, index) for level, index in span_nodes(span)]
    if not roots:
        return EMPTY_ROOT
    root = roots.pop()
    while roots:
        root = hash_children(roots.pop(), root)
    return root


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Return the spans whose roots are the inclusion proof of leaf `index` in a tree of `size`, leaf side first (RFC 6962 §2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    spans: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, new: int) -> list[Span]:
    """Return the spans whose roots are the consistency proof between trees of `old` and `new` leaves (RFC 6962 §2.1.2)."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")
    spans: list[Span] = []
    start, end, is_whole = 0, new, True
    while old < end:
        middle = start + _split(end - start)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start, is_whole = middle, False
    if not is_whole:
        spans.append((start, end))
    return spans[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Check an inclusion proof (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = hash_children(sibling, value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = hash_children(value, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and value == root


def verify_consistency(sizes: tuple[int, int], roots: tuple[bytes, bytes], path: Sequence[bytes]) -> bool:
    """Check a consistency proof between two trees (RFC 9162 §2.1.4.2)."""
    old, new = sizes
    if old == new:
        return not path and roots[0] == roots[1]
    if not 0 < old < new or not path:
        return False
    proof = list(path) if old & (old - 1) else [roots[0], *path]
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = hash_children(sibling, first), hash_children(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = hash_children(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and (first, second) == roots


def _split(count: int) -> int:
    """Return the largest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1
