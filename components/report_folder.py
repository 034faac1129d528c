"""Writes a report into a folder."""

import os

from components.remote_files import replace_file
from reporting import NUMBERS_FILE, PAGE_FILE
from reporting.faces import Faces
from reporting.render import render_report
from reporting.report_data import ReportData


def write_report(folder: str, report: ReportData, faces: Faces | None = None, card: str = "") -> None:
    """Write `report.html` and `report.json` into a folder, which may be remote. `card` is Markdown."""
    replace_file(os.path.join(folder, NUMBERS_FILE), report.to_json())
    replace_file(os.path.join(folder, PAGE_FILE), render_report(report, faces, card))
