"""Where everything is kept: a Redis server, one of our own, or the memory of a rehearsal."""
