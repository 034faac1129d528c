"""What the pipeline costs, measured against other ways to the same end."""
