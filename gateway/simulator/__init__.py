"""Local HTTP servers that speak each vendor's wire format, with faults on demand. Imports nothing of the gateway.

`server.Simulator` runs one inside the caller's event loop, `command` runs one as a process, `fleet` starts the demo's.
"""
