"""Candidates on disk: one slice at a time, the same in whatever order they came."""

from pathlib import Path

import pytest

from components.face_example_gen.settling import (
    Candidate,
    Spool,
    count_slices,
    read_slice,
    slice_of,
    write_run,
    write_shard,
)


def face(first_byte: int, row: int = 0, source: str = "a.csv") -> Candidate:
    digest = bytes([first_byte]) + bytes(31)
    return Candidate(digest, source, row, "train", 3, bytes([first_byte]) * 2304)


@pytest.mark.parametrize(
    ("input_bytes", "expected"),
    [(0, 1), (1, 1), (100, 1), (101, 2), (1_000, 10), (99_901, 1_000), (10**9, 1_000)],
)
def test_count_slices_of_100_bytes_grow_with_the_input_up_to_1000(input_bytes: int, expected: int) -> None:
    assert count_slices(input_bytes, 100) == expected


@pytest.mark.parametrize(
    ("first_byte", "slice_count", "expected"),
    [(0, 1, 0), (255, 1, 0), (0, 4, 0), (63, 4, 0), (64, 4, 1), (191, 4, 2), (255, 4, 3), (85, 3, 0), (86, 3, 1)],
)
def test_slice_of_digests_are_shared_out_by_size(first_byte: int, slice_count: int, expected: int) -> None:
    assert slice_of(face(first_byte).digest, slice_count) == expected


def test_read_slice_of_several_runs_gives_its_candidates_sorted_by_picture_and_place(tmp_path: Path) -> None:
    runs = [[face(200, 5), face(9, 4), face(3, 7)], [face(9, 1), face(130, 2)], [face(9, 0, "b.csv")]]
    segments = [pair for run in runs for pair in write_run(run, 2, str(tmp_path))]

    low = [segment for number, segment in segments if number == 0]
    high = [segment for number, segment in segments if number == 1]

    assert read_slice(low) == [face(3, 7), face(9, 1), face(9, 4), face(9, 0, "b.csv")]
    assert read_slice(reversed(low)) == read_slice(low)
    assert read_slice(high) == [face(130, 2), face(200, 5)]


def test_read_slice_gives_every_field_as_it_was(tmp_path: Path) -> None:
    pixels = bytes(range(256)) * 9
    rows = [Candidate(bytes(range(32)), "zip/\u00e9\n.csv", 7, "unlabelled", None, pixels), face(10, 2**40)]
    ((_, segment),) = write_run(rows, 1, str(tmp_path))
    assert read_slice([segment]) == rows


def test_read_slice_repeats_share_one_picture(tmp_path: Path) -> None:
    segments = [segment for row in range(2) for _, segment in write_run([face(1, row)], 1, str(tmp_path))]
    first, second = read_slice(segments)
    assert first.pixels is second.pixels


def test_read_slice_run_that_nobody_handed_on_is_not_read(tmp_path: Path) -> None:
    write_run([face(1, 0)], 1, str(tmp_path))  # of a worker that was killed before it was done
    ((_, segment),) = write_run([face(1, 0)], 1, str(tmp_path))
    assert read_slice([segment]) == [face(1, 0)]


def test_spool_full_buffer_is_written_so_that_memory_stays_bounded(tmp_path: Path) -> None:
    spool = Spool(slice_count=1, run_bytes=10 * 2304, folder=str(tmp_path))
    spool.start_bundle()
    rows = [face(1, row) for row in range(25)]
    outputs = [output for row in rows for output in spool.process([row])]
    assert len(outputs) == 2
    outputs += [windowed.value for windowed in spool.finish_bundle()]
    sizes = [len(read_slice([segment])) for _, segment in outputs]
    assert sizes == [10, 10, 5]


def test_spool_empty_bundle_writes_nothing(tmp_path: Path) -> None:
    spool = Spool(slice_count=1, run_bytes=1, folder=str(tmp_path))
    spool.start_bundle()
    assert list(spool.finish_bundle()) == []
    assert list(tmp_path.iterdir()) == []


def test_write_shard_killed_midway_leaves_nothing_where_readers_look(tmp_path: Path) -> None:
    def break_off():
        yield face(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(break_off(), str(tmp_path / "rows.gz"), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_write_shard_of_two_attempts_at_a_time_writes_both_whole(tmp_path: Path) -> None:
    path, folder = str(tmp_path / "rows.gz"), str(tmp_path)

    def overtaken():
        yield face(1)
        write_shard([face(1), face(2)], path, folder)
        yield face(2)

    write_shard([face(1), face(2)], path, folder)
    alone = Path(path).read_bytes()
    write_shard(overtaken(), path, folder)
    assert Path(path).read_bytes() == alone
    assert list(tmp_path.iterdir()) == [Path(path)]


def test_write_shard_twice_gives_one_file_of_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    contents = []
    for _ in range(2):
        write_shard([face(1), face(2)], str(path), str(tmp_path))
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]
    assert list(tmp_path.iterdir()) == [path]
