from pathlib import Path

import pytest

from models import computation
from models.computation import choose_policy


def write_cpu_info(folder: Path, flags: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(f"processor : 0\nflags : fpu {flags}\n")
    return path


@pytest.mark.parametrize(
    ("flags", "policy"), [("avx2 avx512_bf16", "mixed_bfloat16"), ("amx_bf16", "mixed_bfloat16"), ("avx2", "float32")]
)
def test_choose_policy_auto_takes_bfloat16_where_the_processor_has_it(tmp_path, monkeypatch, flags, policy):
    monkeypatch.setattr(computation, "_CPU_INFO", write_cpu_info(tmp_path, flags))
    assert choose_policy("auto") == policy


def test_choose_policy_named_is_taken_whatever_the_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(computation, "_CPU_INFO", tmp_path / "none")
    assert [choose_policy(name) for name in ("float32", "mixed_bfloat16", "auto")] == [
        "float32",
        "mixed_bfloat16",
        "float32",
    ]
