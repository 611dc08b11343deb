"""Where data may be handled, and how long it may be kept: what a provider has against what is required."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.snapshot import Provider, Require


def misplaced(provider: Provider, require: Require) -> Iterator[str]:
    """What of the provider's region and retention is not as required, in words that follow a model's name."""
    for word, have, wanted in (
        ("region", provider.region, require.region),
        ("retention", provider.retention, require.retention),
    ):
        if wanted and have not in wanted:
            yield f"has {word} {have or 'unstated'}, not {' or '.join(sorted(wanted))}"
