"""The dialogue of a call, pure: what to say next, given what was heard."""
