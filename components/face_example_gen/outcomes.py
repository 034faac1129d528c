"""What is told of rows and files on the way: the tags of the graph's outputs and the account's own words."""

from collections import Counter
from collections.abc import Iterator

from apache_beam import pvalue

from reporting.ingestion import Outcome

OUTCOMES = "outcomes"
REJECTED = "rejected"
SKIPPED = "skipped"  # (SKIPPED, file, reason)
PREDICTED = "predicted"  # (PREDICTED, file): of the rows read, those given as data to predict
FAILED = "failed"  # (FAILED, message)


def tag_counts(counts: Counter[Outcome]) -> Iterator[pvalue.TaggedOutput]:
    """Yield (outcome, number) for each outcome: few elements, however many rows."""
    return (pvalue.TaggedOutput(OUTCOMES, pair) for pair in counts.items())


def tag_failure(error: Exception) -> pvalue.TaggedOutput:
    """Beam would wrap the error in its own; as an outcome it reaches the executor whole."""
    return pvalue.TaggedOutput(OUTCOMES, ((FAILED, str(error)), 1))
