"""The page of a run: data, training, evaluation, verdict, lineage."""
