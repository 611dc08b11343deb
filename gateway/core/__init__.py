"""The vocabulary every room speaks. Stdlib only, no I/O, no clock of its own, no vendor names."""
