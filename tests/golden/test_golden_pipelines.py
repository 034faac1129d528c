"""The compiled pipelines: equal to the kept ones, sound by Kubeflow's own messages, and free of what must not leave."""

import difflib
import importlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from apache_beam.options.pipeline_options import GoogleCloudOptions
from golden_files import FILES, IMAGE, compile_example, mask
from google.cloud.aiplatform_v1 import CustomJobSpec
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from fer_tfx.errors import ConfigError, FerError
from pipeline.replay.command import replay
from pipeline.replay.execution import Store
from pipeline.runners.parameters import substitute, substitute_all

TARGETS = sorted(FILES)


@pytest.fixture(scope="module", params=TARGETS)
def target(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def text(target) -> str:
    return compile_example(target)


@pytest.fixture(scope="module")
def job(target, text) -> dict:
    """Of a file for Kubeflow: its PipelineSpec as that of a job."""
    return json.loads(text) if target == "vertex" else {"pipelineSpec": next(iter(yaml.safe_load_all(text)))}


@pytest.fixture(scope="module")
def tasks(job) -> dict:
    return job["pipelineSpec"]["root"]["dag"]["tasks"]


@pytest.fixture(scope="module")
def containers(job) -> dict:
    """By task."""
    executors = job["pipelineSpec"]["deploymentSpec"]["executors"]
    return {name.removesuffix("_executor"): each["container"] for name, each in executors.items()}


def test_compiled_pipeline_is_the_kept_one(target, text):
    kept, compiled = FILES[target].read_text("utf-8"), mask(text)
    if kept != compiled:
        lines = difflib.unified_diff(kept.splitlines(), compiled.splitlines(), FILES[target].name, "compiled", n=2)
        shown = "\n".join(line[:300] for line in lines)
        pytest.fail(f"{shown}\n\nIf that's what was meant: .venv/bin/python tests/golden_files.py", pytrace=False)


def test_compiled_pipeline_again_is_the_same(target, text):
    assert compile_example(target) == text


def test_compiled_pipeline_parses_as_kubeflows_messages(target, text, job):
    spec = json_format.ParseDict(job["pipelineSpec"], pipeline_spec_pb2.PipelineSpec())
    assert (spec.pipeline_info.name, spec.schema_version) == ("fer", "2.1.0")
    deployment = json_format.ParseDict(
        job["pipelineSpec"]["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig()
    )
    assert {each.container.image for each in deployment.executors.values()} == {IMAGE}
    if target == "vertex":
        parsed = json_format.ParseDict(job, pipeline_spec_pb2.PipelineJob())
        assert parsed.runtime_config.gcs_output_directory == "gs://example/runs/fer/artifacts"
        assert dict(parsed.labels) | {"code": ""} == {"pipeline": "fer", "team": "faces", "code": ""}
    else:
        _, platform = yaml.safe_load_all(text)
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
        (pods,) = platform["platforms"].values()
        labels = {json.dumps(each["podMetadata"]["labels"]) for each in pods["deploymentSpec"]["executors"].values()}
        assert [set(json.loads(each)) for each in labels] == [{"fer-tfx/pipeline", "fer-tfx/code", "fer-tfx/team"}]


def test_compiled_tasks_are_those_of_a_local_run_and_the_baselines_keeper(tasks):
    assert set(tasks) == {
        "FerExampleGen", "ImportSchemaGen", "StatisticsGen", "ExampleValidator", "Baseline", "DataGate", "RecordData",
        "Transform", "Trainer", "Evaluator", "ServingCheck", "ModelCard", "Pusher", "RecordPush", "BulkInferrer",
        "HtmlReport",
    }  # fmt: skip


def test_compiled_task_names_can_be_names_in_argo(tasks):
    # argo-workflows, workflow/validate: [a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?, and Kubernetes' 63 characters.
    assert [name for name in tasks if not re.fullmatch("[a-zA-Z][a-zA-Z0-9]{0,40}", name)] == []


def test_compiled_task_inputs_come_from_outputs_that_are_declared(job, tasks):
    components = job["pipelineSpec"]["components"]
    for task in tasks.values():
        for source in task.get("inputs", {}).get("artifacts", {}).values():
            made = source["taskOutputArtifact"]
            producer = components[tasks[made["producerTask"]]["componentRef"]["name"]]
            assert made["outputArtifactKey"] in producer["outputDefinitions"]["artifacts"]
            assert made["producerTask"] in task["dependentTasks"]


def test_compiled_containers_start_the_entrypoint_with_an_executor_that_is_there(containers):
    for container in containers.values():
        assert container["command"] == ["python", "-m", "pipeline.runners.container_entry"]
        module, _, name = container["args"][container["args"].index("--executor_class_path") + 1].rpartition(".")
        assert hasattr(getattr(importlib.import_module(module), name), "Do")
    driver = containers["FerExampleGen"]["lifecycle"]["preCacheCheck"]["command"]
    assert driver == ["python", "-m", "pipeline.runners.ingestion_driver"]
    assert importlib.import_module(driver[-1]).main


def test_compiled_tasks_whose_inputs_dont_say_all_are_never_cached(target, tasks):
    """Vertex AI takes the data's fingerprint first; Kubeflow would take new data at the same path for the old."""
    uncached = {name for name, task in tasks.items() if not task["cachingOptions"]["enableCache"]}
    never = {"Baseline", "RecordData", "RecordPush", "Pusher"}
    assert uncached == never | ({"FerExampleGen"} if target == "kubeflow" else set())


def test_compiled_tasks_are_tried_again_by_their_entrypoint_which_knows_what_is_final(tasks, containers):
    assert [name for name, task in tasks.items() if "retryPolicy" in task] == []
    assert set(containers) == set(tasks)
    for container in containers.values():
        assert {"--retries=2", "--retry_wait_s=60"} < set(container["args"])


def test_compiled_pipeline_needs_no_accelerator_unless_the_image_has_cuda(target, text, containers):
    assert [name for name, each in containers.items() if "accelerator" in each["resources"]] == []
    assert "NVIDIA_TESLA_T4" not in text.replace("deploy", "").partition('"settings"')[0]
    assert "--needs_gpu" not in text


def test_compiled_trainer_gets_the_accelerator_where_it_trains(target):
    text = compile_example(target, "deploy.accelerator=cuda")
    job = json.loads(text) if target == "vertex" else {"pipelineSpec": next(iter(yaml.safe_load_all(text)))}
    executors, tasks = job["pipelineSpec"]["deploymentSpec"]["executors"], job["pipelineSpec"]["root"]["dag"]["tasks"]
    containers = {name.removesuffix("_executor"): each["container"] for name, each in executors.items()}
    given = {name: each["resources"].get("accelerator") for name, each in containers.items()}
    asked_for = {name: accelerator for name, accelerator in given.items() if accelerator}
    config = json.loads(re.sub(r"\{\{.*?\}\}", "0", constant_of(tasks["Trainer"], "custom_config")))
    assert {name for name, each in containers.items() if "--needs_gpu" in each["args"]} == set(asked_for)
    if target == "kubeflow":
        assert asked_for == {"Trainer": {"type": "nvidia.com/gpu", "count": "1"}}
        assert "ai_platform_training_args" not in config
    else:  # in a job of Vertex Training
        assert asked_for == {}
        (worker,) = config["ai_platform_training_args"]["job_spec"]["worker_pool_specs"]
        assert worker["machine_spec"] == {
            "machine_type": "n1-standard-8", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 1,
        }  # fmt: skip
        assert worker["container_spec"] == {"image_uri": IMAGE}


GPU = "cpus: 2.0, accelerator: NVIDIA_TESLA_T4, accelerator_count: 1"


@pytest.mark.parametrize(
    ("training", "resources", "expected"),
    [
        ("container", f"default: {{{GPU}}}", {"Trainer", "Member1", "Tuner"}),
        ("vertex", f"default: {{{GPU}}}", {"Tuner"}),
        ("container", f"Trainer: {{{GPU}}}", {"Trainer", "Member1", "Tuner"}),
        ("vertex", f"Trainer: {{{GPU}}}", {"Tuner"}),
        ("container", f"default: {{{GPU}}}, Tuner: {{cpus: 2.0}}, Evaluator: {{{GPU}}}",
         {"Trainer", "Member1", "Evaluator"}),
    ],
)  # fmt: skip
def test_compiled_accelerator_goes_to_what_trains_and_to_what_is_named(training, resources, expected):
    """A container that only waits for a job of Vertex Training would pay for it for nothing."""
    settings = ("tuner.trials=2", "ensemble.members=[{trainer.seed: 2}]", "deploy.accelerator=cuda")
    places = (f"deploy.training={training}", f"deploy.resources={{{resources}}}")
    spec = next(iter(yaml.safe_load_all(compile_example("kubeflow", *settings, *places))))
    executors = spec["deploymentSpec"]["executors"]
    asked_for = {name for name, each in executors.items() if "accelerator" in each["container"].get("resources", {})}
    assert asked_for == {f"{name}_executor" for name in expected}
    assert asked_for == {name for name, each in executors.items() if "--needs_gpu" in each["container"]["args"]}
    assert executors["Tuner_executor"]["container"]["resources"]["cpuLimit"] == 2.0
    config = constant_of(spec["root"]["dag"]["tasks"]["Member1"], "custom_config")
    assert ("NVIDIA_TESLA_T4" in config) == (training == "vertex")


def test_compiled_places_of_a_root_with_a_slash_at_its_end_are_those_without(target, text):
    assert compile_example(target, "runtime.root=gs://example/runs/") == text


def test_compiled_beam_components_go_to_dataflow_where_the_profile_says_so(target, containers):
    on_dataflow = {name for name, each in containers.items() if "--runner=DataflowRunner" in each["args"]}
    assert ("StatisticsGen" in on_dataflow) == (target == "vertex")
    for name in on_dataflow:
        assert f"--sdk_container_image={IMAGE}" in containers[name]["args"]
        assert "--temp_location=gs://example/runs/fer/beam" in containers[name]["args"]


def test_compiled_jobs_outside_of_the_pipeline_get_the_service_account_of_the_submission(
    target, job, tasks, containers
):
    """As the back end fills it in; Beam's own parser reads it, and Vertex AI's own message holds it."""
    given = {"deploy_service_account": "jobs@p.test"}
    declared = job["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]
    if target == "kubeflow":  # whose profile has no such jobs
        assert "deploy_service_account" not in declared
        return
    assert declared["deploy_service_account"] == {"parameterType": "STRING", "defaultValue": "", "isOptional": True}
    on_dataflow = {name: each["args"] for name, each in containers.items() if "--runner=DataflowRunner" in each["args"]}
    for name, arguments in on_dataflow.items():
        filled = [substitute(each, given) for each in arguments]
        assert GoogleCloudOptions(filled).service_account_email == "jobs@p.test"
        assert "deploy_service_account" in tasks[name]["inputs"]["parameters"]
    assert len(on_dataflow) >= 5
    config = substitute(constant_of(tasks["Trainer"], "custom_config"), given)
    spec = json.loads(re.sub(r"\{\{.*?\}\}", "0", config))["ai_platform_training_args"]["job_spec"]
    assert CustomJobSpec(spec).service_account == "jobs@p.test"


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a path of this machine", r"(?<![\w:/.}])/(?:home|Users|root|tmp|work|var|mnt|usr|opt)/"),
        ("a tag that moves", r":latest\b"),
        ("a mark of a parameter", r"gs://parameter/|190010\d{4}|0\.073\d{5}"),
        ("a secret", r"(?i)password|secret|private_key|api_?key|bearer |BEGIN [A-Z ]*PRIVATE|AKIA[0-9A-Z]{16}"),
    ],
)
def test_compiled_pipeline_is_free_of(what, pattern, text):
    assert re.findall(pattern, text) == [], what


def test_compiled_pipeline_free_of_paths_finds_one_that_is_there(text):
    """The search above, on a text that has what it looks for."""
    pattern = r"(?<![\w:/.}])/(?:home|Users|root|tmp|work|var|mnt|usr|opt)/"
    assert re.findall(pattern, text.replace("gs://example", "/home/me")) != []


def constant_of(task: dict, name: str) -> Any:
    return task["inputs"]["parameters"][name]["runtimeValue"]["constant"]


def iter_values(spec: dict, given: dict) -> Iterator[tuple[str, str, Any]]:
    """Task, input and value, with JSON in texts parsed however deep; inputs that only carry a parameter left out."""
    for name, task in spec["root"]["dag"]["tasks"].items():
        inputs = task.get("inputs", {}).get("parameters", {})
        taken = {
            key: given[each["componentInputParameter"]] for key, each in inputs.items() if "runtimeValue" not in each
        }
        constants = {key: each["runtimeValue"]["constant"] for key, each in inputs.items() if key not in taken}
        values = substitute_all({**taken, **constants})
        yield from ((name, key, parse_deep(value)) for key, value in values.items() if key not in given)


def parse_deep(value: Any) -> Any:
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
        return parse_deep(parsed) if isinstance(parsed, dict | list) else value
    if isinstance(value, dict):
        return {key: parse_deep(each) for key, each in value.items()}
    return [parse_deep(each) for each in value] if isinstance(value, list) else value


def without_deploy(values: list[tuple[str, str, Any]]) -> dict:
    """The page shows the list of parameters too, which is what differs on purpose."""
    return {
        (task, key): {**value, "deploy": None} if key == "settings" else value for task, key, value in values
    }  # fmt: skip


def test_compiled_parameters_at_their_defaults_give_what_is_compiled_without_parameters():
    # TFX leaves out what is empty.
    unlabelled = "data.unlabelled_path=gs://example/data/test.csv"
    compiled = next(iter(yaml.safe_load_all(compile_example("kubeflow", unlabelled))))
    plain = next(iter(yaml.safe_load_all(compile_example("kubeflow", unlabelled, "deploy.parameters=[]"))))
    defaults = {name: each["defaultValue"] for name, each in compiled["root"]["inputDefinitions"]["parameters"].items()}
    found = without_deploy(list(iter_values(compiled, defaults)))
    assert found == without_deploy(list(iter_values(plain, {})))
    # Else nothing was compared.
    assert found["Trainer", "custom_config"]["trainer"]["epochs"] == 10
    assert found["Evaluator", "eval_config"]["metrics_specs"][0]["metrics"][0]["class_name"] == "ExampleCount"


def test_compiled_parameters_given_at_submission_reach_each_task_that_uses_them():
    spec = next(iter(yaml.safe_load_all(compile_example("kubeflow"))))
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    given = {name: each["defaultValue"] for name, each in parameters.items()}
    given |= {
        "trainer_epochs": 3, "trainer_peak_learning_rate": 5e-05, "gate_min_eval_rows": 7,
        "gate_max_accuracy_drop": 0.25, "gate_max_model_mb": 3.5, "data_path": "gs://other/faces/", "runtime_root": "gs://other/runs",
    }  # fmt: skip
    found = {(task, key): value for task, key, value in iter_values(spec, given)}
    trainer = found["Trainer", "custom_config"]
    assert (trainer["trainer"]["epochs"], trainer["trainer"]["peak_learning_rate"]) == (3, 5e-05)
    assert trainer["checkpoint_root"] == "gs://other/runs/fer/checkpoints"
    assert found["Baseline", "baseline_folder"] == "gs://other/runs/fer/baseline"
    for name in ("RecordData", "RecordPush"):
        assert found[name, "baseline_folder"] == "gs://other/runs/fer/baseline"
    assert found["FerExampleGen", "input_config"]["splits"][0] == {"name": "labelled", "pattern": "gs://other/faces/"}
    metrics = {each["class_name"]: each for each in found["Evaluator", "eval_config"]["metrics_specs"][0]["metrics"]}
    (rows,) = metrics["ExampleCount"]["per_slice_thresholds"]
    assert rows["threshold"]["value_threshold"]["lower_bound"] == 7
    (change,) = metrics["AccuracyChange"]["per_slice_thresholds"]
    assert change["threshold"]["change_threshold"]["absolute"] == -0.25
    assert found["ServingCheck", "max_model_mb"] == 3.5
    settings = found["HtmlReport", "settings"]
    assert (settings["trainer"]["epochs"], settings["runtime"]["root"]) == (3, "gs://other/runs")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "deploy.image=registry/fer-tfx:latest",
            r"deploy\.image: registry/fer-tfx:latest: expected an image with a tag",
        ),
        ("deploy.image=registry:5000/fer-tfx", r"deploy\.image: registry:5000/fer-tfx: expected an image with a tag"),
        ("deploy.image=", r"deploy\.image: none: expected an image with a tag"),
        (
            "runtime.root=runs",
            r"runtime\.root: runs: a cluster can't reach this machine's files; give gs://BUCKET/PATH$",
        ),
        ("runtime.root=", r"runtime\.root: none: a cluster can't reach this machine's files; give gs://BUCKET/PATH$"),
        ("data.path=train.csv", r"data\.path: train\.csv: a cluster can't reach this machine's files"),
        ("runtime.serving_path=/srv", r"runtime\.serving_path: /srv: a cluster can't reach this machine's files"),
        ("spans.window=2", r"spans\.window: 2: Kubeflow.s compiler can.t look for earlier spans"),
        ("spans.warm_start=true", r"spans\.warm_start: true: on a cluster a second run on the same data would start"),
        ("deploy.beam=dataflow", r"deploy\.project \+ deploy\.region: Dataflow and Vertex Training need both"),
        ("deploy.resources={Trainr: {cpus: 1.0}}", r"deploy\.resources: no component Trainr; there are Baseline, "),
    ],
)
def test_compile_setting_that_fits_no_cluster_is_refused(setting, message):
    with pytest.raises(FerError, match=message):
        compile_example("kubeflow", "deploy.project=", setting)


def test_compile_for_kubeflow_with_a_volume_keeps_all_on_it_and_mounts_it_in_each_pod():
    places = ("runtime.root=/faces/runs", "data.path=/faces/fer2013.csv")
    volume = ("deploy.volume_claim=shared", "deploy.volume_path=/faces")
    spec, platform = yaml.safe_load_all(compile_example("kubeflow", *places, *volume))
    assert "defaultPipelineRoot" not in spec
    defaults = {name: each["defaultValue"] for name, each in spec["root"]["inputDefinitions"]["parameters"].items()}
    assert defaults["runtime_serving_path"] == "/faces/runs/fer/serving"
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert len(pods) == 16
    assert all(each["pvcMount"] == [{"mountPath": "/faces", "constant": "shared"}] for each in pods.values())
    for root in ("/facesque", "/faces/../runs"):
        with pytest.raises(FerError, match=r"runtime\.root: /.*: a cluster can't reach .* or a path below /faces$"):
            compile_example("kubeflow", f"runtime.root={root}", *volume)
    with pytest.raises(FerError, match=r"runtime\.root: /faces/runs: a cluster can't reach .*; give gs://BUCKET/PATH$"):
        compile_example("vertex", *places, *volume)


def test_compile_image_by_digest_is_taken():
    image = f"registry:5000/fer-tfx@sha256:{'0' * 64}"
    assert image in compile_example("kubeflow", f"deploy.image={image}")


ENDPOINT = (
    "serving.endpoint.name=projects/example/locations/europe-west4/endpoints/1", "serving.endpoint.image=serving:1",
)  # fmt: skip
HERE = ("deploy.beam=in_process", "deploy.training=container", "serving.endpoint.name=")


@pytest.mark.parametrize(
    ("settings", "acts", "kept"),
    [
        ((), "start jobs on Dataflow and start a job of Vertex Training", (0, 1)),
        (HERE[1:2], "start jobs on Dataflow", (0,)),
        (HERE[:1], "start a job of Vertex Training", (1,)),
        ((*HERE[:2], *ENDPOINT), "push to an endpoint of Vertex AI", (2,)),
    ],
)
def test_replay_of_a_file_that_would_act_in_google_cloud_is_refused_with_what_to_compile_it_with(
    tmp_path, settings, acts, kept
):
    path = tmp_path / "fer.json"
    path.write_text(compile_example("vertex", *settings))
    with pytest.raises(ConfigError) as caught:
        replay(path, "", tmp_path / "replays", (), 1)
    remedy = " ".join(f"--set {HERE[number]}" for number in kept)
    assert str(caught.value) == f"{path}: it would {acts}; for a replay, compile with {remedy}"
    assert list(tmp_path.iterdir()) == [path]


def replay_example(folder: Path, *settings: str, overrides: Sequence[str] = ()) -> None:
    """Replay a file for Kubeflow where another replay is at work, so that nothing is executed."""
    path = folder / "fer.yaml"
    path.write_text(compile_example("kubeflow", *settings))
    with closing(Store(folder / "replays" / "kubeflow" / "fer" / "replay.jsonl")):
        replay(path, "", folder / "replays", overrides, 1)


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        (
            ("deploy.parameters=[data.path]",),
            "gs://example/runs/fer/baseline, gs://example/runs/fer/checkpoints, gs://example/runs/fer/serving",
        ),
        (("deploy.parameters=[runtime.root]",), "gs://example/runs/fer/serving"),
        (
            ("deploy.parameters=[runtime.serving_path, trainer.epochs]", "deploy.volume_claim=faces",
             "runtime.root=/fer/runs"),
            "/fer/runs/fer/baseline, /fer/runs/fer/checkpoints",
        ),
    ],
)  # fmt: skip
def test_replay_of_a_file_that_names_where_to_write_for_good_is_refused(tmp_path, settings, places):
    with pytest.raises(ConfigError) as caught:
        replay_example(tmp_path, *settings)
    assert str(caught.value) == (
        f"{tmp_path}/fer.yaml: it would write to {places}; for a replay, compile with runtime.root and"
        " runtime.serving_path in deploy.parameters"
    )


@pytest.mark.parametrize(
    ("settings", "overrides"),
    [
        ((), ()),
        ((), ("runtime_root=/mine/runs", "runtime_serving_path=/mine/served")),
        (("deploy.volume_claim=faces", "runtime.root=/fer/runs"), ()),
        (("deploy.parameters=[serving.keep_versions, runtime.root, runtime.serving_path]",), ()),
        (("tuner.trials=2", "distillation.folds=2", "ensemble.members=[{trainer.seed: 2}]"), ()),
    ],
)
def test_replay_of_a_file_whose_places_are_parameters_would_begin(tmp_path, settings, overrides):
    with pytest.raises(ConfigError, match="another replay is running there"):
        replay_example(tmp_path, *settings, overrides=overrides)
