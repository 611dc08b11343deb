"""How a secret becomes request headers. The one place that puts a provider's key into a request.

Pure; the adapters never see a secret.
"""

from __future__ import annotations

from gateway.core.vendor import Vendor
from gateway.core.wire import Headers


def authorization(vendor: Vendor, secret: str) -> Headers:
    """The headers that carry `secret` to this vendor; none where there is no secret (local servers)."""
    if not secret or vendor.auth == "none":
        return ()
    if vendor.auth == "bearer":
        return (("authorization", f"Bearer {secret}"),)
    return ((vendor.auth, secret),)
