"""Pure: (request, label, principal, snapshot) to Plan and RouteTrace. May import core and config's snapshot types."""
