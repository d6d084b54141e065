"""The asyncio shell around the core: load, decide, commit, carry out."""
