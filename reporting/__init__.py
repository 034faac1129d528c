"""Numbers first, mark-up last: what a run did, as frozen dataclasses."""
