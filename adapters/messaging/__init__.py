"""Message channels, one file a provider."""
