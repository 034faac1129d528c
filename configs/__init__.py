"""What may vary, typed: the dataclasses in `spec` and the values in the YAML files."""
