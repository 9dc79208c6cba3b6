"""Connectors: where sender's files come from."""
