"""The HTTP edge: the clinics' API, the providers' callbacks, and what operations look at."""
