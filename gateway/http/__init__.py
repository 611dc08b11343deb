"""The edge: speaks OpenAI's HTTP dialect, knows no vendor. May import core, config, auth and execute's pipeline."""
