"""What was asked, answered and spent: a journal on disk, shipped into SQLite or Redis, and reports over it. May import
core and config's snapshot."""
