"""One page that says what a run came to: data, training, evaluation, verdict, lineage."""
