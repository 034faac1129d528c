"""fer-tfx compile, in this process."""

import json

import pytest
import yaml

from fer_tfx.cli import main

GIVEN = ["--set", "deploy.image=registry/fer-tfx:1.0.0", "--set", "runtime.root=gs://b/runs"]
IN_PROCESS = ["--set", "deploy.beam=in_process", "--set", "deploy.training=container"]


def test_compile_for_vertex_writes_a_job_and_says_where(tmp_path, capfd):
    out = tmp_path / "fer.json"
    assert main(["compile", "--target", "vertex", "--out", str(out), *GIVEN, *IN_PROCESS]) == 0
    assert json.loads(out.read_text())["pipelineSpec"]["pipelineInfo"]["name"] == "fer"
    assert (
        capfd.readouterr().out == f"pipeline 'fer' for vertex written to {out}; its image is registry/fer-tfx:1.0.0\n"
    )
    assert [each.name for each in tmp_path.iterdir()] == ["fer.json"]


def test_compile_for_kubeflow_of_a_config_of_ones_own_compiles_that(tmp_path, capfd):
    config, out = tmp_path / "own.yaml", tmp_path / "fer.yml"
    config.write_text("name: faces\ntrainer:\n  epochs: 77\n")
    assert main(["compile", "--target", "kubeflow", "--config", str(config), "--out", str(out), *GIVEN]) == 0
    spec = next(iter(yaml.safe_load_all(out.read_text())))
    assert spec["pipelineInfo"]["name"] == "faces"
    assert spec["root"]["inputDefinitions"]["parameters"]["trainer_epochs"]["defaultValue"] == 77


def test_compile_with_a_search_result_that_can_not_be_read_here_says_what_that_costs(tmp_path, capfd):
    given = [*GIVEN, "--set", "tuner.hyperparameters_path=s3://bucket/best/7"]
    assert main(["compile", "--target", "kubeflow", "--out", str(tmp_path / "fer.yaml"), *given]) == 0
    _, remark = capfd.readouterr().out.splitlines()
    assert remark.startswith(
        "tuner.hyperparameters_path: s3://bucket/best/7: can't be read here, so neither its fit was"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "vertex", "--out", "fer.yaml"], "--out fer.yaml: the file for vertex must end in .json"),
        (["--target", "kubeflow", "--out", "fer.json"], "--out fer.json: the file for kubeflow must end in .yaml"),
        (["--target", "kubeflow", "--out", "fer.yaml"], "deploy.image: none: expected an image with a tag"),
        (["--target", "kubeflow", "--out", "nowhere/fer.yaml", *GIVEN], "nowhere/fer.yaml: can't be written: No such"),
    ],
)
def test_compile_that_cant_be_ends_with_code_2_and_one_line(arguments, message, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compile", *arguments]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith(f"fer-tfx: {message}")
