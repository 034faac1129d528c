"""fer-tfx compile, in this process."""

import json

import pytest
import yaml

from fer_tfx.cli import main

GIVEN = ["--set", "deploy.image=registry/fer-tfx:1.0.0", "--set", "runtime.root=gs://b/runs"]
VOLUME = ["--set", "deploy.volume_claim=faces", "--set", "runtime.root=/fer/runs"]
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
    given = [*GIVEN, *VOLUME, "--set", "tuner.hyperparameters_path=/fer/best/7"]
    assert main(["compile", "--target", "kubeflow", "--out", str(tmp_path / "fer.yaml"), *given]) == 0
    _, remark = capfd.readouterr().out.splitlines()
    assert remark.startswith(
        "tuner.hyperparameters_path: /fer/best/7: can't be read here, so each run reads it anew, and"
    )


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
@pytest.mark.parametrize("key", ["runtime.root", "runtime.serving_path", "data.path", "tuner.hyperparameters_path"])
def test_compile_place_that_no_component_can_open_ends_at_once_in_one_line(target, key, tmp_path, capfd):
    out = tmp_path / {"kubeflow": "fer.yaml", "vertex": "fer.json"}[target]
    for place in ("s3://b/x", "minio://b/x", "nonsense://x"):
        assert (
            main(["compile", "--target", target, "--out", str(out), *GIVEN, *IN_PROCESS, "--set", f"{key}={place}"])
            == 2
        )
        said = capfd.readouterr()
        assert said.err.startswith(
            f"fer-tfx: --set: {key}: expected a local path or gs://BUCKET/PATH, which can be opened"
        )
        assert (said.out, said.err.count("\n"), out.exists()) == ("", 1, False)


def test_compile_as_documented_for_a_cluster_without_a_bucket_can_be_submitted(tmp_path, capfd):
    """The commands of docs/deploy.md and docs/submit.md, and a search's result on the volume as well."""
    out = tmp_path / "fer.yaml"
    words = ["--set", "deploy.image=registry/fer-tfx:1.0.0", *VOLUME, "--set", "data.path=/fer/fer2013.csv"]
    best = ["--set", "tuner.hyperparameters_path=/fer/best/7"]
    assert main(["compile", "--target", "kubeflow", "--out", str(out), *words, *best]) == 0
    capfd.readouterr()
    submit = ["submit", "--target", "kubeflow", str(out), "--host", "http://localhost:8080", "--dry-run"]
    assert main(submit) == 0
    request = yaml.safe_load(capfd.readouterr().out)
    assert "pipeline_root" not in request
    assert (request["parameters"]["data_path"], request["parameters"]["runtime_root"]) == (
        "/fer/fer2013.csv",
        "/fer/runs",
    )
    spec = next(iter(yaml.safe_load_all(out.read_text())))
    task = spec["root"]["dag"]["tasks"]["ImportHyperparameters"]
    assert task["inputs"]["parameters"]["folder"] == {"runtimeValue": {"constant": "/fer/best/7"}}
    assert task["cachingOptions"] == {"enableCache": False}
    assert "container" in spec["deploymentSpec"]["executors"]["ImportHyperparameters_executor"]
    assert main([*submit, "--param", "data_path=/home/me/fer.csv"]) == 2
    said = capfd.readouterr().err
    assert said.startswith(
        "fer-tfx: --param data_path: /home/me/fer.csv: a cluster can't reach this machine's files; give"
    )
    assert said.endswith("gs://BUCKET/PATH or a path below /fer\n")


@pytest.mark.parametrize("jobs", [["deploy.beam=dataflow"], ["deploy.training=vertex"]])
def test_compile_jobs_outside_of_the_cluster_which_mount_no_volume_need_buckets(jobs, tmp_path, capfd):
    words = [f"--set={each}" for each in (*jobs, "deploy.project=p", "deploy.region=r", "deploy.image=a:1")]
    assert main(["compile", "--target", "kubeflow", "--out", str(tmp_path / "fer.yaml"), *words, *VOLUME]) == 2
    assert capfd.readouterr().err.startswith("fer-tfx: runtime.root: /fer/runs: a cluster can't reach")


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


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ("kubeflow", ["name=fer-"], "name: fer-: Kubernetes' labels begin and end with a letter or digit; choose"),
        ("kubeflow", ["deploy.labels={team_: faces}"], "deploy.labels.team_: team_: Kubernetes' labels begin and end"),
        ("kubeflow", ["deploy.labels={team: -faces}"], "deploy.labels.team: -faces: Kubernetes' labels begin and end"),
        ("kubeflow", ["deploy.labels={code: own}"], "deploy.labels.code: every run has a label of this name already"),
        ("vertex", ["deploy.labels={pipeline: own}"], "deploy.labels.pipeline: every run has a label of this name"),
        ("vertex", ["deploy.labels={fer-tfx-spec: own}"], "deploy.labels.fer-tfx-spec: every run has a label of this"),
        ("kubeflow", ["runtime.beam_pipeline_args=[--nonsense=3]"], "runtime.beam_pipeline_args: Beam has no option n"),
        ("vertex", ["runtime.beam_pipeline_args=[--nonsense=3]"], "runtime.beam_pipeline_args: Beam has no option n"),
        ("kubeflow", ["beam.engine=portable"], "beam.endpoint: none, but beam.engine: portable needs it; give --set"),
        (
            "kubeflow",
            ["beam.engine=flink", "beam.endpoint=http://flink:8081"],
            "beam.image: none, but beam.engine: flink needs it; give --set beam.image=",
        ),
        (
            "kubeflow",
            ["beam.engine=dataflow", "beam.project=p", "beam.region=r", "beam.image=a:1"],
            "beam.temp_location: none, but beam.engine: dataflow needs it; give --set beam.temp_location=",
        ),
        ("kubeflow", ["beam.packages=[dist/a.whl]"], "beam.packages: dist/a.whl: a cluster can't reach this machine's"),
        ("kubeflow", ["beam.job_server_jar=/x/a.jar"], "beam.job_server_jar: /x/a.jar: a cluster can't reach this"),
        (
            "vertex",
            ["beam.workers=8"],
            "beam.workers: 8: deploy.beam: dataflow takes nothing from beam; leave it out, and set the most workers by"
            " deploy.dataflow_max_workers",
        ),
        (
            "kubeflow",
            ["deploy.accelerator=cuda", "deploy.resources={default: {cpus: 2.0}}"],
            "deploy.accelerator: cuda: the Trainer's resources name no accelerator; give --set 'deploy.resources=",
        ),
    ],
)
def test_compile_setting_that_a_run_on_the_cluster_would_stumble_over_is_refused(
    target, settings, message, tmp_path, capfd
):
    out = tmp_path / {"kubeflow": "fer.yaml", "vertex": "fer.json"}[target]
    project = ["--set", "deploy.project=p", "--set", "deploy.region=europe-west4"]
    words = [word for each in settings for word in ("--set", each)]
    assert main(["compile", "--target", target, "--out", str(out), *GIVEN, *project, *words]) == 2
    said = capfd.readouterr()
    assert said.err.startswith(f"fer-tfx: {message}")
    assert (said.out, said.err.count("\n"), out.exists()) == ("", 1, False)


@pytest.mark.parametrize(
    "settings",
    [
        ["beam.engine=local-parallel", "beam.workers=4"],
        ["beam.engine=portable", "beam.endpoint=jobs:8099", "beam.packages=[gs://b/fer.whl]"],
        ["beam.engine=flink", "beam.job_server_jar=gs://b/flink.jar"],
    ],
)
def test_compile_engine_that_has_what_it_needs_is_taken(settings, tmp_path):
    words = [word for each in settings for word in ("--set", each)]
    assert main(["compile", "--target", "kubeflow", "--out", str(tmp_path / "fer.yaml"), *GIVEN, *words]) == 0
