"""The graph, and where it runs."""
