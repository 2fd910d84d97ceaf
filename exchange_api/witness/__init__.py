"""A witness at another bureau: `memory` (what it has cosigned, in files of its own), `judging` (one submission and the answer to it), `serving`
(HTTP). It needs no database and nothing of the hub but the log's public key (C2SP tlog-witness, tlog-cosignature v1).
"""
