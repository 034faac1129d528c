"""`validation.schema_path` -> the text of the schema, which travels with the pipeline."""

from importlib import resources
from pathlib import Path

from configs.spec import ValidationConfig
from fer_tfx.errors import DataError


def read_schema(config: ValidationConfig) -> str:
    """The schema that the settings name, or the curated one.

    Raises:
        DataError: it can't be read, or it's no schema.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    own = config.schema_path
    path = Path(own).expanduser() if own else resources.files("schema").joinpath("schema.pbtxt")
    try:
        text = path.read_text("utf-8")
        text_format.Parse(text, schema_pb2.Schema())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{own}: can't be read: {error}; write a schema with `fer-tfx schema`") from None
    except text_format.ParseError as error:
        raise DataError(f"{own}:{error.GetLine()}: not a schema: {error}; see schema/schema.pbtxt for one") from None
    return text
