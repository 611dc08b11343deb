"""Who is calling. May import core and config."""
