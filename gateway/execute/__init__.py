"""The one place with an attempt loop. May import core, config, and the protocols of providers and transport."""
