"""Local HTTP servers that speak each vendor's wire format, with faults on demand. Imports nothing of the gateway."""
