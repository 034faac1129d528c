"""Names of this project's artifact types: by them TFX imports a type in a container, and reads metadata."""

import importlib
import subprocess
import sys

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.kubeflow.v2.compiler_utils import get_artifact_schema
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils.import_utils import import_class_by_path

from components import artifacts

TYPES = [
    each
    for each in vars(artifacts).values()
    if isinstance(each, type) and issubclass(each, Artifact) and each is not Artifact
]


@pytest.mark.parametrize("kind", TYPES)
def test_artifact_type_name_is_where_a_container_finds_it(kind):
    assert import_class_by_path(kind.TYPE_NAME) is kind


@pytest.mark.parametrize("kind", TYPES)
def test_artifact_type_name_is_one_that_kubeflows_compiler_takes(kind):
    assert f"title: {kind.TYPE_NAME}\n" in get_artifact_schema(kind)


@pytest.mark.parametrize("kind", TYPES)
def test_artifact_type_name_of_an_earlier_version_is_still_found(kind):
    assert import_class_by_path(f"components.artifacts.{kind.__name__}") is kind


def test_artifact_type_of_an_earlier_version_in_the_metadata_is_still_read():
    earlier = metadata_store_pb2.ArtifactType(name="components.artifacts.Quarantine")
    read = artifact_utils.deserialize_artifact(earlier, metadata_store_pb2.Artifact(uri="/q", type_id=1))
    assert read.uri == "/q"


def test_components_name_that_is_no_type_is_no_attribute():
    components = importlib.import_module("components")
    for name in ("NoSuchType", "no_such_module"):
        with pytest.raises(AttributeError, match=name):
            getattr(components, name)


def test_components_import_brings_in_no_tfx():
    code = "import sys, components.serving_probe; print('tfx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
