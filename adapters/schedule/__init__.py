"""Ways back into a clinic's schedule."""
