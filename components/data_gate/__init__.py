"""Stops a run whose data is not what the schema says; ExampleValidator alone only takes note."""
