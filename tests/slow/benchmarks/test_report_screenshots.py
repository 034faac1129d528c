"""The README's pictures: of drawn faces only, and what they are cut from."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from report_doubles import make_faces, make_report

from benchmarks.report_screenshots import main
from reporting.render import render_report


def write_report(folder: Path, name: str) -> Path:
    report = make_report(name=name)
    (folder / "report.json").write_text(report.to_json(), "utf-8")
    page = folder / "report.html"
    page.write_text(render_report(report, make_faces(report)), "utf-8")
    return page


@pytest.mark.skipif(not (shutil.which("chromium") or shutil.which("google-chrome")), reason="no Chromium on PATH")
def test_report_screenshots_of_a_drawn_run_are_small_pictures_of_the_page(tmp_path):
    pytest.importorskip("playwright.sync_api")
    out = tmp_path / "images"
    assert main([str(write_report(tmp_path, "fer-drawn")), "--out", str(out)]) == 0
    pictures = sorted(out.iterdir())
    assert [path.name for path in pictures] == ["report-evaluation.png", "report-verdict.png"]
    for path in pictures:
        assert path.stat().st_size < 200_000
        with Image.open(path) as picture:
            assert picture.width == 1400
            assert picture.height > 300
            assert len(picture.getcolors()) > 20


def test_report_screenshots_of_other_faces_are_refused(tmp_path, capsys):
    out = tmp_path / "images"
    assert main([str(write_report(tmp_path, "fer")), "--out", str(out)]) == 2
    assert "shows the run 'fer', whose faces may be real" in capsys.readouterr().err
    assert not out.exists()


def test_report_screenshots_without_numbers_beside_the_page_name_the_command(tmp_path, capsys):
    assert main([str(tmp_path / "report.html"), "--out", str(tmp_path / "images")]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path / 'report.json'}: can't be read as JSON: No such file or directory; `fer-tfx report" in said
