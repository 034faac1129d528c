"""What the runs of a cluster are compared with: the model that was pushed last, and the statistics of its data."""
