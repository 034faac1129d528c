"""Numbers first, mark-up last: what a run did, as frozen dataclasses. Here are the names of a report's files."""

REPORT_KEY = "report"
PAGE_FILE = "report.html"
NUMBERS_FILE = "report.json"
