"""fer-tfx accept, up to the metadata that it writes to: see test_acceptance for what it writes."""

import dataclasses
from pathlib import Path

from components.acceptance import Push, Record, locate_model, read_record, write_record
from configs.spec import PipelineConfig
from fer_tfx.cli import main
from pipeline.paths import RunPaths
from pipeline.runners.work_folder import only_run_in


def accept(root: Path | str, *options: str) -> int:
    return main(["accept", "1764000000", "--set", f"runtime.root={root}", *options])


def test_accept_before_any_run_is_refused_in_one_line(capsys, tmp_path):
    assert accept(tmp_path, "--reason", "mended labels") == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"fer-tfx: {tmp_path}/fer/metadata.sqlite: no such file; `fer-tfx run` makes it")


def test_accept_where_runs_share_a_bucket_asks_their_record(capsys, tmp_path, monkeypatch):
    """A folder stands in for the bucket, by an address that no setting may have."""
    find_paths = RunPaths.of

    def find_remote_paths(config: PipelineConfig) -> RunPaths:
        paths = find_paths(config)
        return dataclasses.replace(paths, home=f"file://{paths.home}")

    monkeypatch.setattr(RunPaths, "of", find_remote_paths)
    assert accept(tmp_path, "--reason", "mended labels") == 2
    assert capsys.readouterr().err == "fer-tfx: 1764000000: no such version was pushed, only none; give one of them\n"


def test_accept_on_a_clusters_volume_asks_the_record_of_its_runs(capsys, tmp_path):
    push = Push(1764000000, str(tmp_path / "fer" / "serving" / "1764000000"), is_no_worse=False, is_no_slower=False)
    baseline = tmp_path / "fer" / "baseline"
    Path(locate_model(str(baseline), push)).mkdir(parents=True)
    write_record(str(baseline), Record((push,)))
    assert accept(tmp_path, "--reason", "mended labels") == 0
    said = f"{tmp_path}/fer: new models are compared with version 1764000000 from now on\n"
    assert capsys.readouterr().out == said
    assert read_record(str(baseline)).pushes[0].accept_reason == "mended labels"
    assert not (tmp_path / "fer" / "metadata.sqlite").exists()


def test_accept_while_a_run_is_at_work_is_refused(capsys, tmp_path):
    (tmp_path / "fer").mkdir()
    (tmp_path / "fer" / "metadata.sqlite").touch()
    with only_run_in(tmp_path / "fer"):
        assert accept(tmp_path, "--reason", "mended labels") == 2
    assert "another run is using it" in capsys.readouterr().err


def test_accept_without_a_reason_is_refused(capsys, tmp_path):
    assert accept(tmp_path) == 2
    assert capsys.readouterr().err == (
        "fer-tfx: Missing option '--reason'; usage: fer-tfx accept [OPTIONS] {VERSION}; see `fer-tfx accept --help`\n"
    )
