"""What `fer-tfx submit` sends to a cluster."""
