"""YAML to an immutable Snapshot: parse, resolve, validate, lint. May import core only."""
