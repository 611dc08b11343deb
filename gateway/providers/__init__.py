"""Adapters: pure translation, one file per API shape; vendors are rows of facts. May import core only."""
