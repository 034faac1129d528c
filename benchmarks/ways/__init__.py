"""What is measured, each way a function of `harness.marks.Way`; here the names of parts that reports read."""

LOOP_PART = "loop"
BEFORE_PART = "spans before"
FIRST_SPAN_FOLDER = "before"
INGESTION, LAST_DATA_NODE, TRAINER = "FerExampleGen", "Transform", "Trainer"
