"""Request to Label: pure and cheap. May import core and config's snapshot types."""
