"""The checks of the data gate: from statistics to faults as sentences."""

from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_figures import Statistics, count_labels, find_bound, list_unjudged_norms
from fer_tfx.contract import CLASS_NAMES, EVAL_SPLIT, LABEL_KEY, LABELLED_SPLITS, PIXEL_COUNT, PIXELS_KEY, TRAIN_SPLIT
from reporting.ingestion import IngestionReport
from reporting.label_shift import Counts, find_absences, measure_distance


def find_skew(statistics: Statistics, schema: schema_pb2.Schema) -> Iterator[str]:
    """Where the labels of train and eval differ, beyond doubt, by more than the schema's skew comparator allows."""
    train, eval_ = (count_labels(statistics[split]) for split in (TRAIN_SPLIT, EVAL_SPLIT))
    yield from _find_shift("train against eval", train, eval_, schema, "skew_comparator")


def find_drift(statistics: Statistics, previous: Statistics, schema: schema_pb2.Schema) -> Iterator[str]:
    """Likewise for train and the train split of the data accepted last, by the drift comparator."""
    if TRAIN_SPLIT in previous:
        now, before = count_labels(statistics[TRAIN_SPLIT]), count_labels(previous[TRAIN_SPLIT])
        yield from _find_shift("train against the data accepted last", now, before, schema, "drift_comparator")


def find_gaps(report: IngestionReport) -> Iterator[str]:
    """Empty train and eval splits, classes that train lacks, and classes that eval doesn't lack by chance."""
    train, eval_ = (
        [report.emitted.get(split, {}).get(name, 0) for name in CLASS_NAMES] for split in (TRAIN_SPLIT, EVAL_SPLIT)
    )
    yield from (
        f"{split}: no example" for split, counts in ((TRAIN_SPLIT, train), (EVAL_SPLIT, eval_)) if not any(counts)
    )
    if not any(train) or not any(eval_):
        return
    if missing := [name for name, count in zip(CLASS_NAMES, train, strict=True) if not count]:
        yield f"{TRAIN_SPLIT}: no example of {', '.join(missing)}"
    if missing := [each.name for each in find_absences(train, eval_) if each.is_refused]:
        yield f"{EVAL_SPLIT}: no example of {', '.join(missing)}, which {sum(eval_):,} random rows would have"


def find_miscounts(statistics: Statistics, report: IngestionReport) -> Iterator[str]:
    """Splits whose files hold another number of examples than ingestion wrote."""
    for split in LABELLED_SPLITS:
        found = statistics[split].datasets[0].num_examples if split in statistics else 0
        expected = report.split_size(split)
        if found != expected:
            yield f"{split}: {found} examples were read, but ingestion wrote {expected}"


def find_size_faults(statistics: Statistics) -> Iterator[str]:
    """Splits with a picture that doesn't have 2,304 bytes, which a schema can't require of a bytes feature."""
    for split, of_split in statistics.items():
        for feature in of_split.datasets[0].features:
            if feature.path.step == [PIXELS_KEY]:
                sizes = feature.bytes_stats
                if (sizes.min_num_bytes, sizes.max_num_bytes) != (PIXEL_COUNT, PIXEL_COUNT):
                    yield (
                        f"{split}: {PIXELS_KEY}: a picture has {sizes.min_num_bytes:g} to {sizes.max_num_bytes:g}"
                        f" bytes, each must have {PIXEL_COUNT}"
                    )


def _find_shift(
    between: str, first: Counts, second: Counts, schema: schema_pb2.Schema, comparator: str
) -> Iterator[str]:
    for norm in list_unjudged_norms(schema, comparator):
        yield f"schema: {LABEL_KEY}: {comparator}: {norm} is not checked; bound infinity_norm instead"
    bound = find_bound(schema, comparator)
    if bound is None or not any(first) or not any(second):
        return
    if not 0 <= bound <= 1:
        yield f"schema: {LABEL_KEY}: {comparator}: expected a threshold from 0 to 1, got {bound:g}"
        return
    apart = measure_distance(between, first, second, bound)
    if apart.is_refused:
        yield (
            f"{between}: {LABEL_KEY}: the shares of {apart.class_name} differ by {apart.distance:.4f}, beyond doubt by"
            f" more than {apart.least:.4f}; the schema's {comparator} allows {bound:g}"
        )
