"""The processes of `gateway serve`: a supervisor that forks, watches and reloads, and what runs in its children. Like
`serve` it composes: it may import every room."""
