"""Compression step by step: prune, repair, round, export, each a state with a row of its own in the ledger."""
