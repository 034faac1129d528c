"""Prints by how many bytes the peak of this process's memory rises while it reads and names a split."""

import re
import sys
from pathlib import Path

import tensorflow as tf
from model_doubles import stub_transform

from models.dataset import compute_data_digest, find_examples, read_examples


def read_status(field: str) -> int:
    (kilobytes,) = re.findall(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024


if __name__ == "__main__":
    stub_transform(tf.constant([bytes(2304)]))  # starts TensorFlow
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what it holds now
    before = read_status("VmRSS")
    path = sys.argv[1]
    compute_data_digest([read_examples([path], 7), find_examples([path], 7)], stub_transform)
    print(read_status("VmHWM") - before)
