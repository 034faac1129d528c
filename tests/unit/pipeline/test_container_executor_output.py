"""What goes back to the backend."""

import json

from pipeline.runners.container.executor_output import restore_file


def test_restore_file_gives_back_the_uri_and_leaves_out_nulls(tmp_path):
    path = tmp_path / "output_metadata.json"
    written = {"name": "model", "uri": "/minio/bucket/model", "metadata": {"split": None, "span": 0.0, "text": ""}}
    path.write_text(json.dumps({"artifacts": {"model": {"artifacts": [written]}}, "parameterValues": {"count": 3}}))
    given = {
        "model": {"artifacts": [{"uri": "minio://bucket/model"}]},
        "executor-logs": {"artifacts": [{"uri": "minio://bucket/executor-logs"}]},
    }
    restore_file(path, given)
    restored = {"name": "model", "uri": "minio://bucket/model", "metadata": {"span": 0.0, "text": ""}}
    assert json.loads(path.read_text()) == {
        "artifacts": {"model": {"artifacts": [restored]}},
        "parameterValues": {"count": 3},
    }
