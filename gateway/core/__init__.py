"""The decision core: pure functions over frozen data; time is an argument."""
