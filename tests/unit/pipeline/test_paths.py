"""Every place a run writes to lies below one root."""

from pathlib import Path

import pytest

from configs.spec import PipelineConfig, RuntimeConfig
from pipeline.paths import RunPaths, is_remote


def paths_of(root: str, serving_path: str = "") -> RunPaths:
    return RunPaths.of(PipelineConfig(name="fer-2", runtime=RuntimeConfig(root=root, serving_path=serving_path)))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [("gs://bucket/a", True), ("s3://b", True), ("/data/a", False), ("runs", False), ("a:b/c", False), ("", False)],
)
def test_is_remote_uri_with_a_scheme_is_remote(uri, expected):
    assert is_remote(uri) is expected


def test_run_paths_local_root_places_everything_below_root_and_name(tmp_path):
    paths, home = paths_of(str(tmp_path)), tmp_path / "fer-2"
    assert (paths.home, paths.serving) == (str(home), str(home / "serving"))
    assert (paths.artifacts, paths.checkpoints) == (str(home / "artifacts"), str(home / "checkpoints"))
    assert (paths.metadata, paths.logs) == (home / "metadata.sqlite", home / "logs")
    assert paths.drawn_data == home / "drawn"
    assert paths.baseline == str(home / "baseline")


def test_run_paths_relative_root_and_serving_path_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = paths_of("runs/../kept", "models/fer")
    assert paths.home == str(tmp_path / "kept" / "fer-2")
    assert paths.serving == str(tmp_path / "models" / "fer")


def test_run_paths_remote_root_and_serving_path_stay_as_they_are():
    assert paths_of("gs://bucket/runs").serving == "gs://bucket/runs/fer-2/serving"
    assert paths_of("gs://bucket/runs").artifacts == "gs://bucket/runs/fer-2/artifacts"
    assert paths_of("runs", "gs://bucket/served").serving == "gs://bucket/served"


def test_run_paths_slash_at_the_end_changes_no_place(tmp_path):
    for root in (str(tmp_path), "gs://bucket/runs"):
        assert paths_of(f"{root}/", f"{root}/served/") == paths_of(root, f"{root}/served")


def test_run_paths_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths_of("~/runs").home == str(tmp_path / "runs" / "fer-2")


def test_run_paths_asking_for_places_makes_no_folder(tmp_path):
    paths = paths_of(str(tmp_path))
    assert isinstance(paths.logs, Path)
    assert list(tmp_path.iterdir()) == []
