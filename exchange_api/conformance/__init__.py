"""The conformance kit: holds any deployment against docs/protocol.md from outside, over HTTP alone. `kit.examine` is the door; needs no database."""
