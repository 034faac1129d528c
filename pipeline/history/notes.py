"""What a run writes down about itself in its context, so that its whole configuration is part of its lineage.

A context is in no node's cache key (`tfx.orchestration.portable.cache_utils`), so nothing runs anew for it.
"""

import ml_metadata
from tfx import v1 as tfx
from tfx.proto.orchestration import pipeline_pb2

from configs.load import to_json
from configs.spec import PipelineConfig
from pipeline.history.figures import FIGURES_NOTE, Figures
from pipeline.history.settings import SETTINGS_NOTE
from pipeline.lineage import RUN_CONTEXT, list_run_contexts


class NotingRunner(tfx.orchestration.LocalDagRunner):  # type: ignore[misc]
    """LocalDagRunner that has the settings noted as soon as the first node starts, so a killed run has them too.

    Args:
        config: of the run.
    """

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__()
        self._settings = to_json(config)

    def run_with_ir(self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None) -> None:
        """Run a compiled pipeline; its run's context, which each node would make if it came first, gets the note."""
        for node in pipeline.nodes:
            for context in node.pipeline_node.contexts.contexts:
                if context.type.name == RUN_CONTEXT:
                    context.properties[SETTINGS_NOTE].field_value.string_value = self._settings
        super().run_with_ir(pipeline, run_options)


def note_figures(store: ml_metadata.MetadataStore, figures: Figures) -> None:
    """Write the figures down in the context of the latest run."""
    context = list_run_contexts(store)[0]
    context.custom_properties[FIGURES_NOTE].string_value = figures.to_json()
    store.put_contexts([context])
