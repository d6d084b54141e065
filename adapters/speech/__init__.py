"""Speech engines. Native libraries run in a worker process of their own (`worker.py`)."""
