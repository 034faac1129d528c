"""What counts as accepted, on a metadata store of known runs."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from history_double import CACHED, COMPLETE, FAILED, RUNNING, HistoryDouble
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.types import standard_artifacts

from components.data_gate import DataGate
from configs.spec import DataConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import ConfigError, DataError
from pipeline.history import open_store
from pipeline.history.acceptance import AcceptedStrategy, accept_version, describe_served, find_superseded_pushes

GATE = f"{DataGate.__module__}.{DataGate.__name__}"


class Workplace:
    """Runs are noted by `history`; questions are asked as TFX asks them."""

    def __init__(self, home: Path) -> None:
        self.history = HistoryDouble(home)
        self.history.start_run()
        self.store = open_store(self.history.path)

    def ingest(
        self,
        span: int = 0,
        pattern: str = "span-{}/*",
        is_whole: bool = True,
        node: str = "",
        classes: list[Any] | None = None,
    ) -> dict[str, int]:
        """Examples with a file, and their statistics; `node` ends the names of the nodes that make them.

        Without `classes` the settings of the ingestion are those of a version that had no such setting.
        """
        config = json.dumps({"splits": [{"name": "labelled", "pattern": pattern.format(span)}]})
        settings = json.dumps({"config": json.dumps({"classes": classes} if classes else {})})
        parameters = {"input_base": "/data", "input_config": config, "custom_config": settings}
        outputs: dict[str, str | int] = {"examples": "Examples"}
        ids = self.history.add_node(f"FerExampleGen{node}", {}, outputs, parameters, marks={"span": span})
        (artifact,) = self.store.get_artifacts_by_id([ids["examples"]])
        split = Path(artifact.uri, "Split-train")
        split.mkdir(parents=True)
        if is_whole:
            (split / "data.gz").touch()
        statistics = self.history.add_node(
            f"StatisticsGen{node}", {"examples": ids["examples"]}, {"statistics": "ExampleStatistics"}
        )
        self.history.locate(statistics["statistics"]).mkdir(parents=True)
        return {**ids, **statistics}

    def judge(self, data: dict[str, int], state: int = COMPLETE, gate: str = GATE) -> dict[str, int]:
        self.history.add_node(gate, {"statistics": data["statistics"]}, {}, state=state)
        return data

    def push(self, version: str, *, classes: str = "", **marks: int | str) -> int:
        """The model that was pushed as that version; `version` of "": trained and refused."""
        model = self.history.add_node("Trainer", {}, {"model": "Model"})["model"]
        extra = self.history.locate(model) / "Format-Serving" / "assets.extra"
        extra.mkdir(parents=True)
        if classes:
            (extra / "class_names.txt").write_text(classes)
        folder = self.history.home / "serving" / version
        properties: dict[str, int | str] = {"pushed": 0}
        if version:
            (folder / "variables").mkdir(parents=True)
            for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
                (folder / name).write_text(version)
            properties = {"pushed": 1, "pushed_version": version, "pushed_destination": str(folder), **marks}
        self.history.add_node("Pusher", {"model": model}, {"pushed_model": "PushedModel"}, marks=properties)
        return model

    def roll_back(self, version: str) -> None:
        folder = self.history.home / "serving"
        (folder / "rolled_back").mkdir(exist_ok=True)
        (folder / version).rename(folder / "rolled_back" / version)

    def ask(self, question: str, keys: dict[str, str], current: dict[str, int], **options: Any) -> dict[str, list[int]]:
        """Ids by key of the answer; `keys` name the type of each key, `current` the artifacts of the run itself."""
        given = {key: [_wrap(each) for each in self.store.get_artifacts_by_type(kind)] for key, kind in keys.items()}
        own = {
            key: [_wrap(each) for each in self.store.get_artifacts_by_id([number])] for key, number in current.items()
        }
        found = AcceptedStrategy(question, **options).resolve_artifacts(self.store, {**given, **own})
        assert {key: [each.id for each in found[key]] for key in own} == {key: [each] for key, each in current.items()}
        return {key: [each.id for each in artifacts] for key, artifacts in found.items()}

    def find_drift_reference(self, data: dict[str, int]) -> list[int]:
        return self.ask("statistics", {"statistics": "ExampleStatistics"}, {"current": data["statistics"]})[
            "statistics"
        ]

    def find_window(self, data: dict[str, int], window: int, pattern: str = "/data/span-{SPAN}/*") -> list[int]:
        keys, current = {"examples": "Examples"}, {"current": data["examples"]}
        return self.ask("spans", keys, current, window=window, pattern=pattern)["examples"]

    def find_references(self, candidate: int) -> tuple[list[int], list[int], list[int]]:
        """Anchor, latency reference, model in service."""
        keys = {**dict.fromkeys(("model", "latency_model", "service_model"), "Model"), "pushed_model": "PushedModel"}
        found = self.ask("references", keys, {"candidate": candidate})
        return found["model"], found["latency_model"], found["service_model"]


def _wrap(proto: mlmd.Artifact) -> Any:
    artifact = getattr(standard_artifacts, proto.type)()
    artifact.set_mlmd_artifact(proto)
    if proto.type == "Examples":
        artifact.split_names = '["train"]'
    return artifact


@pytest.fixture
def work(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "fer")


def test_drift_reference_is_the_last_that_the_gate_let_through_not_the_last_ingested(work):
    good, refused = work.judge(work.ingest()), work.judge(work.ingest(), FAILED)
    assert work.find_drift_reference(refused) == [good["statistics"]]
    again = work.ingest()
    assert work.find_drift_reference(again) == [good["statistics"]], "the same data again are compared with themselves"


def test_drift_reference_of_the_first_data_is_none(work):
    assert work.find_drift_reference(work.ingest()) == []
    assert work.find_drift_reference(work.judge(work.ingest(), FAILED)) == []


@pytest.mark.parametrize(
    ("state", "is_accepted"), [(COMPLETE, True), (CACHED, True), (FAILED, False), (RUNNING, False)]
)
def test_drift_reference_follows_from_how_the_gate_ended(work, state, is_accepted):
    data = work.judge(work.ingest(), state)
    assert work.find_drift_reference(work.ingest()) == ([data["statistics"]] if is_accepted else [])


def test_drift_reference_accepted_by_an_earlier_versions_gate_counts(work):
    first = work.judge(work.ingest(), gate="components.data_gate.component.DataGate")
    assert work.find_drift_reference(work.ingest()) == [first["statistics"]]
    work.judge(first, FAILED)
    assert work.find_drift_reference(work.ingest()) == []


def test_drift_reference_the_latest_verdict_on_data_counts(work):
    data = work.judge(work.judge(work.ingest()), FAILED)
    assert work.find_drift_reference(work.ingest()) == []
    work.judge(data, CACHED)
    work.judge(data, RUNNING)
    assert work.find_drift_reference(work.ingest()) == [data["statistics"]]


def test_drift_reference_is_from_before_the_current_data_and_there_still(work):
    first, second, third = (work.judge(work.ingest()) for _ in range(3))
    assert work.find_drift_reference(second) == [first["statistics"]]
    assert work.find_drift_reference(third) == [second["statistics"]]
    work.history.locate(second["statistics"]).rmdir()
    assert work.find_drift_reference(third) == [first["statistics"]]


def test_drift_reference_is_no_older_span_that_was_ingested_anew(work):
    newest = work.judge(work.ingest(2))
    work.judge(work.ingest(1, node="OfSpan1"))
    assert work.find_drift_reference(work.ingest(3)) == [newest["statistics"]]


def test_drift_reference_of_other_classes_is_none_and_aliases_make_no_others(work):
    first = work.judge(work.ingest())
    work.judge(work.ingest(classes=["glad", "not glad"]))
    assert work.find_drift_reference(work.ingest(classes=["not glad", "glad"])) == []
    assert work.find_drift_reference(work.ingest(classes=[*DEFAULT_CLASS_NAMES])) == [first["statistics"]]
    assert work.find_drift_reference(work.ingest(classes=[["angry", "cross"], *DEFAULT_CLASS_NAMES[1:]])) == [
        first["statistics"]
    ]


def test_window_leaves_out_spans_of_other_classes(work):
    work.judge(work.ingest(1))
    second = work.judge(work.ingest(2, classes=["glad", "not glad"]))
    current = work.ingest(3, classes=["glad", "not glad"])
    assert work.find_window(current, 5) == [second["examples"], current["examples"]]


def test_references_are_models_of_the_same_classes_in_the_same_order(work):
    first = work.push("1700000001", classes="glad\nsad\n")
    work.push("1700000002", classes="sad\nglad\n")
    assert work.find_references(work.push("", classes="glad\nsad\n")) == ([first], [first], [])
    assert work.find_references(work.push("", classes="glad\nsad\nangry\n")) == ([], [], [])


def test_window_holds_accepted_spans_alone_in_their_order(work):
    spans = [work.judge(work.ingest(span), FAILED if span == 3 else COMPLETE) for span in (1, 2, 3)]
    current = work.ingest(4)
    assert work.find_window(current, 3) == [spans[0]["examples"], spans[1]["examples"], current["examples"]]
    assert work.find_window(current, 2) == [spans[1]["examples"], current["examples"]]


def test_window_of_a_span_accepted_twice_the_later_counts(work):
    work.judge(work.ingest(1))
    later = work.judge(work.ingest(1))
    current = work.ingest(2)
    assert work.find_window(current, 5) == [later["examples"], current["examples"]]
    older = work.judge(work.ingest(2))
    assert work.find_window(older, 2) == [later["examples"], older["examples"]]


@pytest.mark.parametrize(("span", "pattern"), [(0, "all.csv"), (1, "other/span-{}/*")])
def test_window_holds_spans_of_one_source(work, span, pattern):
    """Also where another source has given the same span since."""
    mine = work.judge(work.ingest(1))
    work.judge(work.ingest(span, pattern))
    current = work.ingest(2)
    assert work.find_window(current, 5) == [mine["examples"], current["examples"]]


def test_window_span_whose_files_are_gone_stops_the_run_and_is_named(work):
    work.judge(work.ingest(1, is_whole=False))
    with pytest.raises(DataError, match=r"span 1: .*its examples are gone"):
        work.find_window(work.ingest(2), 2)


def test_analysis_is_the_last_from_before_the_current_data_that_is_there(work):
    caches = [work.history.add_node("Transform", {}, {"updated_analyzer_cache": "TransformCache"}) for _ in range(2)]
    first, second = (each["updated_analyzer_cache"] for each in caches)
    for each in (first, second):
        work.history.locate(each).mkdir(parents=True)
    keys, current = {"analyzer_cache": "TransformCache"}, work.ingest()["examples"]
    work.history.add_node("Transform", {}, {"updated_analyzer_cache": "TransformCache"})
    assert work.ask("analysis", keys, {"current": current})["analyzer_cache"] == [second]
    work.history.locate(second).rmdir()
    assert work.ask("analysis", keys, {"current": current})["analyzer_cache"] == [first]


def test_references_of_the_first_candidate_are_none(work):
    assert work.find_references(work.push("")) == ([], [], [])


def test_references_trained_but_never_pushed_is_none_of_them(work):
    first = work.push("100")
    work.push("")
    assert work.find_references(work.push("")) == ([first], [first], [first])


def test_references_what_passed_within_noise_is_in_service_and_no_reference(work):
    first, second = work.push("100"), work.push("200", is_no_worse=0, is_no_slower=0)
    assert work.find_references(work.push("")) == ([first], [first], [second])


def test_references_each_moves_by_its_own_figure(work):
    first, second = work.push("100"), work.push("200", is_no_worse=1, is_no_slower=0)
    assert work.find_references(work.push("")) == ([second], [first], [second])


def test_references_rolled_back_version_is_none_of_them(work):
    first, _ = work.push("100"), work.push("200")
    work.roll_back("200")
    assert work.find_references(work.push("")) == ([first], [first], [first])


def test_references_leave_out_the_candidate_so_that_a_second_run_finds_the_same(work):
    first = work.push("100")
    second = work.push("200")
    assert work.find_references(second) == ([first], [first], [first])
    assert work.find_references(first) == ([second], [second], [second])


def test_references_anchor_is_kept_when_its_version_is_no_longer_served(work):
    first, second = work.push("100"), work.push("200", is_no_worse=0)
    shutil.rmtree(work.history.home / "serving" / "100")
    anchor, _, service = work.find_references(work.push(""))
    assert (anchor, service) == ([first], [second])


def test_accept_version_moves_both_references_and_keeps_why(work):
    first, second = work.push("100"), work.push("200", is_no_worse=0, is_no_slower=0)
    accept_version(work.store, 200, " new labels ", now_ms=2**41)
    assert work.find_references(work.push("")) == ([second], [second], [second])
    (pushed,) = [
        each
        for each in work.store.get_artifacts_by_type("PushedModel")
        if each.custom_properties["pushed_version"].string_value == "200"
    ]
    assert pushed.custom_properties["accept_reason"].string_value == "new labels"
    assert first != second


def test_accept_version_whose_model_is_gone_is_refused(work):
    work.push("100")
    (model,) = work.store.get_artifacts_by_type("Model")
    shutil.rmtree(model.uri)
    with pytest.raises(
        ConfigError, match=rf"^100: its model, {model.uri}, is gone, so nothing can be compared with it"
    ):
        accept_version(work.store, 100, "better", now_ms=1)


def test_accept_version_whose_equal_was_rolled_back_is_refused(work):
    """It would be accepted without effect: an equal of what was rolled back is no reference."""
    for version in ("100", "200"):
        work.push(version, model_digest="a")
    folder = work.history.home / "serving"
    record = {"versions": [{"version": 200, "digest": "a"}], "lifted": 0}
    (folder / "roll_backs.json").write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=r"^100: is rolled back"):
        accept_version(work.store, 100, "better", now_ms=1)


def test_version_in_service_whose_model_is_there_is_a_baseline(work):
    work.push("100")
    place = f"{work.history.home}/serving/100"
    assert describe_served(work.history.path, place, DataConfig()) == ""
    assert describe_served(work.history.path, "/linked/elsewhere/100", DataConfig()) == ""


def test_version_in_service_whose_model_is_gone_or_unknown_is_told(work):
    """As after the folder of the runs was moved."""
    work.push("100")
    (model,) = work.store.get_artifacts_by_type("Model")
    shutil.rmtree(model.uri)
    place = f"{work.history.home}/serving/100"
    assert describe_served(work.history.path, place, DataConfig()) == (
        f"{place} is in service, but its model {model.uri} is gone (was the folder moved?), so it is no baseline of"
        " this run"
    )
    said = describe_served(work.history.path, "/serving/300", DataConfig())
    assert said.startswith(f"/serving/300 is in service, but no push of it is recorded in {work.history.path}, so it")
    unknown = work.history.home / "none.sqlite"
    assert f"recorded in {unknown}" in describe_served(unknown, place, DataConfig())
    assert not unknown.exists()


def test_version_in_service_of_another_split_of_the_rows_is_told(work):
    work.history.start_run({"data": {"eval_fraction": 0.1, "splits": "auto"}})
    work.push("100")
    work.history.start_run({"data": {"eval_fraction": 0.2, "splits": "auto"}})
    place = f"{work.history.home}/serving/100"
    same, other = (DataConfig(eval_fraction=fraction) for fraction in (0.1, 0.2))
    assert describe_served(work.history.path, place, same) == ""
    assert describe_served(work.history.path, place, other) == (
        f"{place} was trained with data.eval_fraction=0.1 (now 0.2): rows that it was trained on may be eval rows now,"
        " which favours it over new models; set gate.use_baseline=false for this run"
    )


def test_superseded_pushes_are_those_whose_model_is_not_in_service(work):
    """TFX's cache would say of each that it was done; an equal model, pushed again, is in service all the same."""
    serving = str(work.history.home / "serving")

    def find(*served: int, in_service: str = "") -> list[str]:
        return [digests[uri] for uri in find_superseded_pushes(work.history.path, serving, served, in_service)]

    for version in ("100", "200", "300"):
        work.push(version)
    pushed = sorted(work.store.get_artifacts_by_type("PushedModel"), key=lambda each: each.id)
    digests = {each.uri: each.custom_properties["pushed_version"].string_value for each in pushed}
    for each, digest in zip(pushed, ("a", "b", "a"), strict=True):
        each.custom_properties["model_digest"].string_value = digest
    work.store.put_artifacts(pushed)
    assert find(100, 200, 300, in_service="a") == ["200"]
    assert find(100, 200, in_service="b") == ["100", "300"]
    assert find(300, in_service="a") == ["100", "200"]
    assert find() == ["100", "200", "300"]
    assert find(100, 200, 300, in_service="damaged since") == ["100", "200", "300"]
    assert find_superseded_pushes(work.history.path, "/elsewhere", [300], "a") == []
    assert find_superseded_pushes(work.history.home / "no.sqlite", serving, [], "") == []


def test_superseded_pushes_of_releases_that_kept_no_digest_are_those_of_other_versions(work):
    serving = str(work.history.home / "serving")
    for version in ("100", "200"):
        work.push(version)
    first, second = sorted(each.uri for each in work.store.get_artifacts_by_type("PushedModel"))
    assert find_superseded_pushes(work.history.path, serving, [100, 200], "a") == [first]
    assert find_superseded_pushes(work.history.path, serving, [100], "a") == [second]


@pytest.mark.parametrize(
    ("version", "reason", "expected"),
    [
        (100, "caf\udce9", "--reason: expected text in UTF-8, got other bytes; write it anew"),
        (300, "better", "300: no such version was pushed, only 100, 200; give one of them"),
        (200, "better", "200: is rolled back; `fer-tfx rollback --to 200` puts it into service first"),
        (100, "  ", "--reason: expected why this version is accepted"),
    ],
)
def test_accept_version_what_cannot_be_accepted_is_refused_in_one_line(work, version, reason, expected):
    work.push("100")
    work.push("200")
    work.push("")
    work.roll_back("200")
    with pytest.raises(ConfigError, match=f"^{expected}"):
        accept_version(work.store, version, reason, now_ms=1)
