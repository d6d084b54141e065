"""What every test module shares; fixtures live beside the tests that need them."""

pytest_plugins = ["tests.rules"]
