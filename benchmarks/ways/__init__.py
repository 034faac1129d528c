"""What is measured, each way a function of `harness.marks.Way`; here the names of parts that reports read."""

INGESTION, LAST_DATA_NODE, TRAINER, LOOP_PART = "FerExampleGen", "Transform", "Trainer", "loop"
