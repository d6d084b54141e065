"""What the product asks of the world: Protocols, and the schema of what comes in."""
