"""What a run is compared with, on artifacts that carry an id, a verdict and a folder, and nothing else."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from pipeline.baseline import LatestOtherBlessedModelStrategy, PreviousStatisticsStrategy

THERE = str(Path(__file__).parent)


def fake_model(artifact_id: int, uri: str = THERE) -> standard_artifacts.Model:
    model = standard_artifacts.Model()
    model.id, model.uri = artifact_id, uri
    return model


def fake_blessing(artifact_id: int, model_id: int, is_blessed: bool = True) -> standard_artifacts.ModelBlessing:
    blessing = standard_artifacts.ModelBlessing()
    blessing.id = artifact_id
    blessing.set_int_custom_property("blessed", int(is_blessed))
    blessing.set_int_custom_property("current_model_id", model_id)
    return blessing


def fake_statistics(artifact_id: int, uri: str = THERE) -> standard_artifacts.ExampleStatistics:
    statistics = standard_artifacts.ExampleStatistics()
    statistics.id, statistics.uri = artifact_id, uri
    return statistics


def resolve_model(models: list[int], blessings: list[standard_artifacts.ModelBlessing], candidate: int) -> list[int]:
    given = {
        "model": [fake_model(each) for each in models],
        "model_blessing": blessings,
        "candidate": [fake_model(candidate)],
    }
    found = LatestOtherBlessedModelStrategy().resolve_artifacts(None, given)
    assert [each.id for each in found["candidate"]] == [candidate]
    return [each.id for each in found["model"]]


def test_latest_other_blessed_model_candidate_that_is_blessed_itself_is_never_chosen():
    assert resolve_model([1, 5], [fake_blessing(2, 1), fake_blessing(6, 5)], candidate=5) == [1]


def test_latest_other_blessed_model_candidate_alone_has_no_baseline():
    assert resolve_model([5], [fake_blessing(6, 5)], candidate=5) == []


@pytest.mark.parametrize("order", [[1, 3, 5, 9], [9, 5, 3, 1], [5, 9, 1, 3]])
def test_latest_other_blessed_model_several_blessed_gives_the_latest_of_them(order):
    blessings = [fake_blessing(4, 3), fake_blessing(2, 1), fake_blessing(6, 5, is_blessed=False)]
    assert resolve_model(order, blessings, candidate=9) == [3]


def test_latest_other_blessed_model_candidate_older_than_the_others_is_left_out_alone():
    assert resolve_model([1, 5], [fake_blessing(2, 1), fake_blessing(6, 5)], candidate=1) == [5]


def test_latest_other_blessed_model_none_blessed_has_no_baseline():
    assert resolve_model([1, 5], [fake_blessing(2, 1, is_blessed=False)], candidate=5) == []


def test_latest_other_blessed_model_no_blessing_at_all_has_no_baseline():
    assert resolve_model([1, 5], [], candidate=5) == []


def test_latest_other_blessed_model_answer_has_every_key_and_the_matching_blessing():
    given = {
        "model": [fake_model(1), fake_model(3), fake_model(9)],
        "model_blessing": [fake_blessing(2, 1), fake_blessing(4, 3)],
        "candidate": [fake_model(9)],
    }
    found = LatestOtherBlessedModelStrategy().resolve_artifacts(None, given)
    assert {key: [each.id for each in artifacts] for key, artifacts in found.items()} == {
        "model": [3],
        "model_blessing": [4],
        "candidate": [9],
    }


@pytest.mark.parametrize(
    ("statistics", "current", "expected"),
    [([3, 7, 5, 9], 9, [7]), ([3, 7, 5, 9], 5, [3]), ([3], 3, []), ([3, 7], 3, []), ([2, 3, 3], 3, [2])],
    ids=["latest", "current is not the latest", "first run", "only later ones", "current given twice"],
)
def test_previous_statistics_choice_is_the_last_before_the_current(statistics, current, expected):
    given = {"statistics": [fake_statistics(each) for each in statistics], "current": [fake_statistics(current)]}
    found = PreviousStatisticsStrategy().resolve_artifacts(None, given)
    assert [each.id for each in found["statistics"]] == expected
    assert [each.id for each in found["current"]] == [current]


def test_latest_other_blessed_model_whose_folder_is_gone_is_passed_over(tmp_path):
    given = {
        "model": [fake_model(1), fake_model(3, str(tmp_path / "gone")), fake_model(9)],
        "model_blessing": [fake_blessing(2, 1), fake_blessing(4, 3)],
        "candidate": [fake_model(9)],
    }
    found = LatestOtherBlessedModelStrategy().resolve_artifacts(None, given)
    assert [each.id for each in found["model"]] == [1]


def test_previous_statistics_whose_folder_is_gone_are_passed_over(tmp_path):
    earlier = [fake_statistics(3), fake_statistics(5, str(tmp_path / "gone"))]
    given = {"statistics": earlier, "current": [fake_statistics(9)]}
    found = PreviousStatisticsStrategy().resolve_artifacts(None, given)
    assert [each.id for each in found["statistics"]] == [3]
