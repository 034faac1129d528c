"""Names of a report and its files among a run's artifacts."""

REPORT_KEY = "report"
PAGE_FILE = "report.html"
NUMBERS_FILE = "report.json"
