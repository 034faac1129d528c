"""What a run is compared with: an earlier artifact, never the one that is being judged.

TFX's own LatestBlessedModelStrategy answers with the candidate itself once that has been blessed. A second
run on unchanged input would then evaluate and push the same model again; with these strategies it finds
the same baseline as the first and everything stays cached. What somebody has removed, or a run has set aside as
damaged, is no longer there to compare with and is passed over.
"""

from typing import Any

from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.dsl.io import fileio

MODEL_KEY = "model"
BLESSING_KEY = "model_blessing"
CANDIDATE_KEY = "candidate"
STATISTICS_KEY = "statistics"
CURRENT_KEY = "current"

ArtifactsByKey = dict[str, list[Any]]


class LatestOtherBlessedModelStrategy(ResolverStrategy):  # type: ignore[misc]
    """The latest blessed model other than the candidate whose folder is still there."""

    def resolve_artifacts(self, store: Any, input_dict: ArtifactsByKey) -> ArtifactsByKey | None:
        """Keys: `model` and `model_blessing` (all there are) and `candidate` (the one to leave out)."""
        candidates = {artifact.id for artifact in input_dict[CANDIDATE_KEY]}
        others = [each for each in input_dict[MODEL_KEY] if each.id not in candidates and fileio.exists(each.uri)]
        latest = LatestBlessedModelStrategy().resolve_artifacts(
            store, {MODEL_KEY: others, BLESSING_KEY: input_dict[BLESSING_KEY]}
        )
        return {**(latest or {MODEL_KEY: [], BLESSING_KEY: []}), CANDIDATE_KEY: input_dict[CANDIDATE_KEY]}


class PreviousStatisticsStrategy(ResolverStrategy):  # type: ignore[misc]
    """The statistics that were made last before the current ones and are still there."""

    def resolve_artifacts(self, store: Any, input_dict: ArtifactsByKey) -> ArtifactsByKey | None:
        """Keys: `statistics` (all there are) and `current`."""
        del store
        current = min(artifact.id for artifact in input_dict[CURRENT_KEY])
        earlier = [each for each in input_dict[STATISTICS_KEY] if each.id < current and fileio.exists(each.uri)]
        latest = max(earlier, key=lambda artifact: artifact.id, default=None)
        return {STATISTICS_KEY: [latest] if latest else [], CURRENT_KEY: input_dict[CURRENT_KEY]}
