"""Compression Explorer: budget, distil and prune real networks, and see what happens."""
