"""Where a report lies within a run's artifacts."""

REPORT_KEY = "report"
PAGE_FILE = "report.html"
NUMBERS_FILE = "report.json"
