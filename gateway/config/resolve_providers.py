"""Resolves `providers`: the vendor's row of facts, the endpoint, the credential, and what goes along with each call."""

from __future__ import annotations

import ipaddress
import re
import ssl
from urllib.parse import SplitResult, urlsplit

from gateway.config.document import Path
from gateway.config.problem import looks_like_credential, suggest
from gateway.config.resolve_credentials import host_matches, resolve_credential, resolve_credentials
from gateway.config.resolve_resilience import resolve_probe
from gateway.config.resolve_server import is_loopback
from gateway.config.schema import ProviderSpec
from gateway.config.scope import Scope
from gateway.config.snapshot import Provider
from gateway.core.vendor import Vendor
from gateway.core.wire import Endpoint

GENERIC_OPENAI = "openai-compatible"

FORBIDDEN_HEADERS = frozenset(
    {
        "accept-encoding",
        "api-key",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-api-key",
        "x-goog-api-key",
    }
)
"""Headers that the gateway sets itself or that would change the framing of a request."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_TOKEN = re.compile(r"[!-~]+")
_SECRET_NAME = re.compile(r"key|token|secret|auth|password|cookie|signature", re.IGNORECASE)
_PRIVATE_SUFFIXES = (".local", ".internal", ".lan", ".svc", ".cluster.local", ".home.arpa")


def resolve_providers(scope: Scope) -> dict[str, Provider]:
    """The providers that are right; the off ones too, with an empty credential."""
    resolved = {}
    for name, spec in scope.config.providers.items():
        provider = resolve_provider(scope, name, spec)
        if provider is not None:
            resolved[name] = provider
    return resolved


def resolve_provider(scope: Scope, name: str, spec: ProviderSpec) -> Provider | None:
    path: Path = ("providers", name)
    vendor = vendor_row(scope, path, spec)
    if vendor is None:
        return None
    base_url = spec.base_url or vendor.base_url
    if base_url is None:
        scope.key_error(path, f'"base_url" is missing in provider "{name}": {vendor.name} has no fixed address')
        return None
    endpoint = resolve_endpoint(scope, path, base_url, spec)
    warn_of_missing_path(scope, path, endpoint, vendor)
    headers = resolve_headers(scope, path, spec)
    if endpoint is None:
        return None
    return Provider(
        name=name,
        vendor=vendor,
        endpoint=endpoint,
        api_key=resolve_credential(scope, path, spec, vendor, endpoint),
        api_keys=resolve_credentials(scope, path, spec),
        region=spec.region,
        retention=spec.retention,
        transport=spec.transport,
        headers=headers,
        proxy=resolve_proxy(scope, path, spec),
        max_connections=spec.max_connections,
        probe=resolve_probe(scope, path, spec),
        secret_headers=frozenset(
            header.lower()
            for header, value in spec.headers.items()
            if (*path, "headers", header) in scope.references.replaced
            or _SECRET_NAME.search(header)
            or looks_like_credential(value.reveal())
        ),
    )


def vendor_row(scope: Scope, path: Path, spec: ProviderSpec) -> Vendor | None:
    """`vendor:` if given, else the row whose hosts hold the base URL's, else the adapter's generic row."""
    if spec.vendor is not None:
        named = scope.vendors.get(spec.vendor)
        if named is None:
            known = suggest(spec.vendor, scope.vendors)
            scope.error((*path, "vendor"), f'unknown vendor "{spec.vendor[:80]}"{known}')
        elif spec.adapter is not None and spec.adapter != named.adapter:
            scope.error((*path, "adapter"), f'vendor "{named.name}" speaks {named.adapter}: leave the adapter out')
        else:
            return named
        return None
    if spec.adapter is None:
        scope.key_error(path, f'provider "{path[1]}" needs an adapter (openai, anthropic, gemini) or a vendor')
        return None
    rows = [row for row in scope.vendors.values() if row.adapter == spec.adapter]
    if spec.base_url is not None:
        host = (split_url(spec.base_url) or urlsplit("")).hostname or ""
        for row in rows:
            if any(host_matches(host, pattern) for pattern in row.hosts):
                return row
        if spec.adapter == "openai" and GENERIC_OPENAI in scope.vendors:
            return scope.vendors[GENERIC_OPENAI]
    return scope.vendors.get(spec.adapter) or next((row for row in rows if row.base_url), None)


def split_url(url: str) -> SplitResult | None:
    """The URL's parts, or None where it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def resolve_endpoint(scope: Scope, path: Path, base_url: str, spec: ProviderSpec) -> Endpoint | None:
    at = (*path, "base_url")
    parts = split_url(base_url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or not _TOKEN.fullmatch(base_url):
        scope.error(at, '"base_url" must be a URL such as https://api.example.com/v1')
        return None
    if "@" in parts.netloc:
        scope.error(at, '"base_url" holds a user or password: use api_key or headers')
        return None
    if parts.query or parts.fragment or "?" in base_url or "#" in base_url:
        scope.error(at, '"base_url" ends at its path: remove what begins with ? or #')
        return None
    if parts.scheme == "http" and not is_private(parts.hostname):
        scope.warn(at, f"requests to {parts.hostname} go unencrypted, the key with them: use https://")
    check_tls_files(scope, path, spec, parts.scheme)
    return Endpoint(
        scheme=parts.scheme,
        host=parts.hostname,
        port=parts.port or (443 if parts.scheme == "https" else 80),
        prefix=parts.path.rstrip("/"),
        ca_file=spec.ca_file and str(scope.folder / spec.ca_file),
        client_cert=spec.client_cert and str(scope.folder / spec.client_cert),
        client_key=spec.client_key and str(scope.folder / spec.client_key),
    )


def warn_of_missing_path(scope: Scope, path: Path, endpoint: Endpoint | None, vendor: Vendor) -> None:
    """A vendor's address without the /v1 that its API is under gives nothing but 404."""
    official = urlsplit(vendor.base_url or "")
    if endpoint and endpoint.host == official.hostname and official.path.strip("/") and not endpoint.prefix:
        message = f"the API of {vendor.name} is at {vendor.base_url}: this address lacks {official.path}"
        scope.warn((*path, "base_url"), message)


def is_private(host: str) -> bool:
    """Whether the host is this machine or one of a private network, as far as its name tells."""
    if is_loopback(host) or ("." not in host.rstrip(".") and ":" not in host) or host.endswith(_PRIVATE_SUFFIXES):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def check_tls_files(scope: Scope, path: Path, spec: ProviderSpec, scheme: str) -> None:
    """The files must load as what they are for: a bad one should stop the config, not the first request."""
    given = [name for name in ("ca_file", "client_cert", "client_key") if getattr(spec, name) is not None]
    if given and scheme == "http":
        scope.key_error((*path, given[0]), f'"{given[0]}" has no effect on http://: use https://, or remove it')
        return
    missing = [name for name in given if not (scope.folder / getattr(spec, name)).is_file()]
    for name in missing:
        scope.error((*path, name), f"the file {scope.folder / getattr(spec, name)} does not exist")
    if missing:
        return
    if spec.client_key is not None and spec.client_cert is None:
        scope.key_error((*path, "client_key"), '"client_key" needs "client_cert" beside it')
        return
    if spec.ca_file is not None:
        try:
            ssl.create_default_context(cafile=str(scope.folder / spec.ca_file))
        except (OSError, ssl.SSLError):
            scope.error((*path, "ca_file"), f"the file {scope.folder / spec.ca_file} holds no PEM certificates")
    if spec.client_cert is not None:
        try:
            key_file = None if spec.client_key is None else str(scope.folder / spec.client_key)
            ssl.create_default_context().load_cert_chain(str(scope.folder / spec.client_cert), key_file, password="")
        except (OSError, ssl.SSLError):
            scope.error((*path, "client_cert"), "the client certificate and its key can't be loaded: PEM, no password")


def resolve_headers(scope: Scope, path: Path, spec: ProviderSpec) -> tuple[tuple[str, str], ...]:
    headers: dict[str, str] = {}
    for name, value in spec.headers.items():
        at, lower = (*path, "headers", name), name.lower()
        if not _HEADER_NAME.fullmatch(name):
            scope.key_error(at, f'"{name[:80]}" is no header name')
        elif lower in FORBIDDEN_HEADERS or lower.startswith("x-gateway-"):
            fix = "use api_key" if "auth" in lower or "key" in lower.split("-") else "remove it"
            scope.key_error(at, f'the header "{name}" is set by the gateway: {fix}')
        elif lower in headers:
            scope.key_error(at, f'the header "{name}" is given twice')
        elif not _HEADER_VALUE.fullmatch(value.reveal()):
            scope.error(at, f'the value of header "{name}" holds control characters or is not Latin-1')
        else:
            headers[lower] = value.reveal()
    return tuple(headers.items())


def resolve_proxy(scope: Scope, path: Path, spec: ProviderSpec) -> str | None:
    if spec.proxy is None:
        return None
    if spec.transport != "httpx":
        scope.key_error((*path, "proxy"), '"proxy" needs "transport: httpx"')
    parts = split_url(spec.proxy.reveal())
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        scope.error((*path, "proxy"), '"proxy" must be a URL such as http://proxy.internal:3128')
    return spec.proxy.reveal()
