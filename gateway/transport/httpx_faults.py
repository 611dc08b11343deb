"""Which phase a failure of httpx stands for: from the exception, its causes, and what was seen on the wire."""

from __future__ import annotations

import socket
import ssl

import httpx

from gateway.transport.base import Phase, TransportFault
from gateway.transport.httpx_backend import RESETS, Progress, caused_by


def fault_of(error: Exception, progress: Progress) -> TransportFault:
    reset = progress.reset or caused_by(error, *RESETS)
    return TransportFault(_phase_of(error, progress), str(error) or type(error).__name__, reset)


def _phase_of(error: Exception, progress: Progress) -> Phase:
    if isinstance(error, httpx.PoolTimeout):
        return "pool_timeout"
    if isinstance(error, httpx.ConnectTimeout):
        return "connect_timeout"
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        if caused_by(error, socket.gaierror):
            return "dns"
        return "tls" if progress.securing or caused_by(error, ssl.SSLError) else "connect"
    if isinstance(error, httpx.ProtocolError) and not progress.ended and "disconnected" not in str(error):
        return "protocol"
    if progress.answered:
        return "body"
    if progress.unsent or isinstance(error, httpx.WriteError | httpx.WriteTimeout):
        return "write"
    return "tls" if caused_by(error, ssl.SSLError) else "first_byte"
