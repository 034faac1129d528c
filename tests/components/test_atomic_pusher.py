"""A blessed model is put into service whole; one that is not stays out."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from tfx import v1 as tfx
from tfx.dsl.io import fileio
from tfx.types import channel_utils, standard_artifacts
from tfx.utils import io_utils
from vertex_double import ENDPOINT, QUOTA, connected_double

from components.artifacts import Card
from components.atomic_pusher import AtomicPusher, Executor, executor
from components.bucket_versions import open_versions
from configs.spec import EndpointConfig, GateConfig, ServingConfig
from fer_tfx.errors import FerError
from fer_tfx.versions.versions import ServedModel
from pipeline.eval_config import build_eval_config
from reporting.serving_figures import ServingFigures

CARD = "# Card\r\n\N{SNOWMAN}\n".encode()


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of the evaluation of a first model: seven rows, with nothing to compare with."""
    config = tfma.utils.update_eval_config_with_defaults(
        build_eval_config(GateConfig(), ""), has_baseline=False, rubber_stamp=True
    )
    rows = pd.DataFrame({"emotion": range(7), "probabilities": np.eye(7).tolist()})
    folder = str(tmp_path_factory.mktemp("evaluation"))
    tfma.analyze_raw_data(rows, config, output_path=folder)
    return folder


@pytest.fixture
def push(
    make_artifact: Callable[..., Any], move_to_memory: Callable[..., Any], tmp_path: Path, evaluation: str
) -> Callable[..., Any]:
    """A function that runs the executor as the component declares it and gives the artifact of the push."""

    def run(
        *,
        is_blessed: bool = True,
        is_servable: bool = True,
        has_card: bool = True,
        keep_versions: int = 2,
        graph: bytes = b"graph",
        folder_uri: str = "",
        is_remote: bool = False,
        has_weights: bool = False,
        latency_ratio: float | None = None,
        endpoint: EndpointConfig | None = None,
    ) -> Any:
        model = make_artifact(standard_artifacts.Model)
        folder = Path(model.uri, "Format-Serving")
        folder.mkdir()
        (folder / "saved_model.pb").write_bytes(graph)
        for name in ("variables.index", "variables.data-00000-of-00001") if has_weights else ():
            (folder / "variables").mkdir(exist_ok=True)
            (folder / "variables" / name).write_text("weights")
        card = make_artifact(Card)
        if has_card:
            Path(card.uri, "MODEL_CARD.md").write_bytes(CARD)
        blessings = [
            make_artifact(kind) for kind in (standard_artifacts.ModelBlessing, standard_artifacts.InfraBlessing)
        ]
        for blessing, is_given in zip(blessings, (is_blessed, is_servable), strict=True):
            blessing.set_int_custom_property("blessed", int(is_given))
            # What TFX's helpers look for.
            blessing.set_string_custom_property("blessing_status", "INFRA_BLESSED" if is_given else "INFRA_NOT_BLESSED")
        figures = ServingFigures(1, latency_ratio or 1.0, None if latency_ratio is None else 1.0)
        Path(blessings[1].uri, "serving.json").write_text(figures.to_json())
        judged = make_artifact(standard_artifacts.ModelEvaluation)
        shutil.copytree(evaluation, judged.uri, dirs_exist_ok=True)
        keys = ("model", "model_blessing", "infra_blessing", "card", "evaluation")
        inputs = {key: [each] for key, each in zip(keys, (model, *blessings, card, judged), strict=True)}
        component = AtomicPusher(
            **{key: channel_utils.as_channel(artifacts) for key, artifacts in inputs.items()},
            folder=folder_uri or str(tmp_path / "serving"),
            config=ServingConfig(keep_versions=keep_versions, endpoint=endpoint or EndpointConfig()),
            code="",
        )
        pushed = make_artifact(standard_artifacts.PushedModel)
        if is_remote:
            move_to_memory({**inputs, "pushed_model": [pushed]})
        Executor().Do(inputs, {"pushed_model": [pushed]}, component.exec_properties)
        return pushed

    return run


def list_versions(tmp_path: Path) -> list[str]:
    folder = tmp_path / "serving"
    return sorted(each.name for each in folder.iterdir() if each.name.isdecimal()) if folder.exists() else []


def test_atomic_pusher_blessed_model_is_in_service_and_in_the_artifact(push: Any, tmp_path: Path) -> None:
    pushed = push()
    (version,) = list_versions(tmp_path)
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_version") == version
    assert pushed.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / version)
    for folder in (tmp_path / "serving" / version, Path(pushed.uri)):
        assert (folder / "saved_model.pb").read_bytes() == b"graph"
        assert (folder / "assets.extra" / "MODEL_CARD.md").read_bytes() == CARD
    assert f'key: "stable" value: {version}' in (tmp_path / "serving" / "models.config").read_text()


@pytest.mark.parametrize("refused", ["is_blessed", "is_servable"])
def test_atomic_pusher_refused_model_is_not_pushed(push: Any, tmp_path: Path, refused: str) -> None:
    pushed = push(**{refused: False})
    assert pushed.get_int_custom_property("pushed") == 0
    assert list_versions(tmp_path) == []
    assert list(Path(pushed.uri).iterdir()) == []


def test_atomic_pusher_model_without_its_card_is_not_put_into_service(push: Any, tmp_path: Path) -> None:
    with pytest.raises(fileio.NotFoundError):
        push(has_card=False)
    assert list_versions(tmp_path) == []


def test_atomic_pusher_failure_of_the_artifact_puts_nothing_into_service(
    push: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(executor.io_utils, "copy_dir", fail)
    with pytest.raises(OSError, match="disk full"):
        push()
    assert list_versions(tmp_path) == []


def test_atomic_pusher_keeps_as_many_versions_as_configured(push: Any, tmp_path: Path) -> None:
    graphs = (b"1", b"2", b"3", b"4", b"5")
    versions = [push(keep_versions=4, graph=each).get_string_custom_property("pushed_version") for each in graphs]
    assert list_versions(tmp_path) == versions[-4:]
    push(keep_versions=0, graph=b"6")
    assert len(list_versions(tmp_path)) == 5


def test_atomic_pusher_remote_model_is_pushed_into_a_local_folder(push: Any, tmp_path: Path) -> None:
    pushed = push(is_remote=True)
    (version,) = list_versions(tmp_path)
    assert (tmp_path / "serving" / version / "saved_model.pb").read_bytes() == b"graph"
    assert io_utils.read_string_file(f"{pushed.uri}/saved_model.pb") == "graph"


def test_atomic_pusher_bucket_keeps_as_many_versions_as_configured(push: Any, tmp_path: Path) -> None:
    bucket = f"ram:/{tmp_path}/serving"
    graphs = (b"1", b"2", b"3", b"4", b"5")
    pushed = [push(is_remote=True, folder_uri=bucket, keep_versions=4, graph=each) for each in graphs]
    versions = [each.get_string_custom_property("pushed_version") for each in pushed]
    kept = [each for each in versions if fileio.exists(f"{bucket}/{each}/saved_model.pb")]
    assert kept == versions[-4:]
    assert pushed[-1].get_string_custom_property("pushed_destination") == f"{bucket}/{versions[-1]}"
    assert io_utils.read_bytes_file(f"{bucket}/{versions[-1]}/assets.extra/MODEL_CARD.md") == CARD
    assert f'key: "stable" value: {versions[-1]}' in io_utils.read_string_file(f"{bucket}/models.config")


def test_atomic_pusher_same_model_as_in_service_in_a_bucket_is_pushed_once(push: Any, tmp_path: Path) -> None:
    """There no cache keeps the Pusher from running again: the baseline that the Evaluator saw is another artifact."""
    bucket = f"ram:/{tmp_path}/serving"
    first, again = (push(is_remote=True, folder_uri=bucket) for _ in range(2))
    assert again.get_int_custom_property("pushed") == 1
    destination = first.get_string_custom_property("pushed_destination")
    assert again.get_string_custom_property("pushed_destination") == destination
    other = push(is_remote=True, folder_uri=bucket, graph=b"another")
    assert other.get_string_custom_property("pushed_destination") != destination


@pytest.mark.parametrize("is_remote", [False, True])
def test_atomic_pusher_model_that_was_rolled_back_is_not_pushed_and_says_how_to_bring_it_back(
    push: Any, tmp_path: Path, is_remote: bool
) -> None:
    place = f"ram:/{tmp_path}/serving" if is_remote else str(tmp_path / "serving")
    folder = open_versions(place, ServedModel("fer", "/models/fer"))
    words = {"is_remote": is_remote, "folder_uri": place}
    pushed = [push(**words, graph=each).get_string_custom_property("pushed_version") for each in (b"1", b"2")]
    version = int(pushed[1])
    # As it would be of an export, so that it can come back.
    for name in ("variables.index", "variables.data-00000-of-00001"):
        for each in pushed:
            io_utils.write_string_file(f"{place}/{each}/variables/{name}", "weights")
    folder.roll_back()
    served = folder.list_served()
    refused = push(**words, graph=b"2", has_weights=True, keep_versions=5)
    assert refused.get_int_custom_property("pushed") == 0
    assert refused.get_string_custom_property("pushed_destination") == ""
    refusal = refused.get_string_custom_property("refusal")
    assert refusal.startswith(f"the model equals version {version}, which was rolled back on 2")
    assert refusal.endswith(f" UTC; `fer-tfx rollback --to {version}` brings it back")
    assert folder.list_served() == served
    assert not fileio.exists(f"{refused.uri}/saved_model.pb")
    folder.roll_back(version)
    again = push(**words, graph=b"2", has_weights=True)
    assert again.get_string_custom_property("pushed_version") == str(version)
    assert again.get_string_custom_property("refusal") == ""
    assert folder.read_record().lifted == 1


def test_atomic_pusher_after_something_was_brought_back_has_another_key(push: Any, make_artifact: Any) -> None:
    """Else the refusal that came before would be found in the cache for good."""
    del push
    channels = {
        key: channel_utils.as_channel([make_artifact(channel.type)])
        for key, channel in AtomicPusher.SPEC_CLASS.INPUTS.items()
    }
    settings = {"folder": "/serving", "config": ServingConfig(), "code": "code"}
    keys = [
        AtomicPusher(**settings, lifted=lifted, **channels).exec_properties["custom_config"] for lifted in (0, 1, 2)
    ]
    assert len(set(keys)) == 3
    assert "lifted" not in keys[0]


@pytest.mark.parametrize(("latency_ratio", "is_no_slower"), [(None, 1), (0.9, 1), (1.0, 1), (1.1, 0)])
def test_atomic_pusher_says_whether_later_models_are_held_to_this_one(
    push: Any, latency_ratio: float | None, is_no_slower: int
) -> None:
    pushed = push(latency_ratio=latency_ratio)
    assert pushed.get_int_custom_property("is_no_slower") == is_no_slower
    assert pushed.get_int_custom_property("is_no_worse") == 1, "the first model is the anchor"


def test_atomic_pusher_is_a_pusher_to_whoever_looks_for_one() -> None:
    assert issubclass(AtomicPusher, tfx.components.Pusher)


def test_atomic_pusher_after_a_push_that_was_not_noted_names_the_version_in_service(push: Any, tmp_path: Path) -> None:
    first, second = push(), push()
    assert first.get_string_custom_property("pushed_version") == second.get_string_custom_property("pushed_version")
    assert len(list_versions(tmp_path)) == 1


def test_atomic_pusher_with_an_endpoint_puts_nothing_into_service_that_it_does_not_answer_with(
    push: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = EndpointConfig(name=ENDPOINT, image="image:1")
    with connected_double(monkeypatch) as vertex:
        first = push(endpoint=endpoint)
        before, served = list_versions(tmp_path), vertex.serving
        vertex.failures["DeployModel"] = QUOTA
        with pytest.raises(FerError, match=r"quota exceeded; the version before goes on answering; .*, then run again"):
            push(endpoint=endpoint, graph=b"2")
        assert (list_versions(tmp_path), vertex.serving) == (before, served)
        second = push(endpoint=endpoint, graph=b"2")
        assert vertex.serving != served
        requests = len(vertex.requests)
        push(endpoint=endpoint, graph=b"3", is_blessed=False)
        assert len(vertex.requests) == requests
    versions = [each.get_string_custom_property("pushed_version") for each in (first, second)]
    assert list_versions(tmp_path) == versions
    # From where the double of Google's client has staged it, as it isn't in a bucket.
    assert vertex.models["fer"][-1].artifact_uri == f"gs://staged{second.uri}"
