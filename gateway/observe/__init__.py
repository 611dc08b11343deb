"""Subscribers of events. May be slow, may fail, never affect a request. May import core only."""
