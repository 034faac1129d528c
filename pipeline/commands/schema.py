"""fer-tfx schema."""

import tempfile
from pathlib import Path

from configs.spec import DataConfig
from pipeline.inputs import resolve_input
from pipeline.quiet import hush_libraries, output_in_log
from schema.errors import DataError


def write_schema(data_path: str, out: Path) -> int:
    """Infer a schema from data and write it as text; domains and comparators are for a person to add.

    Raises:
        DataError: the data can't be read, or `out` can't be written.
    """
    data = resolve_input(DataConfig(path=data_path))
    if not out.resolve().parent.is_dir():
        raise DataError(f"{out}: its folder does not exist; make it first")
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with output_in_log(log) as output:
            from tfx import v1 as tfx

            from components.face_example_gen.component import FerExampleGen

            example_gen = FerExampleGen(data.base, data.patterns, DataConfig(path=data_path), code="")
            statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
            schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
