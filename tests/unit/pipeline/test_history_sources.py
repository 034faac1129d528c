"""What a node read that no node had made."""

from pipeline.history.settings import read_sources


def test_read_sources_schema_as_text_gives_its_digest():
    # printf 'feature {}' | sha256sum
    assert read_sources({"schema_text": "feature {}"}) == {"schema": "sha256 07a36d59c7d2da30"}


def test_read_sources_schema_file_of_an_earlier_version_gives_its_path():
    assert read_sources({"schema_file": "/s.pbtxt"}) == {"schema_file": "/s.pbtxt"}


def test_read_sources_node_without_files_gives_nothing():
    assert read_sources({"code": "c0de"}) == {}
