from pathlib import Path

import keras
import pytest

from models import precision
from models.precision import choose_policy, dtype_policy


def write_cpu_info(folder: Path, flags: str) -> Path:
    path = folder / "cpuinfo"
    path.write_text(f"processor : 0\nflags : fpu {flags}\n")
    return path


@pytest.mark.parametrize(
    ("flags", "policy"), [("avx2 avx512_bf16", "mixed_bfloat16"), ("amx_bf16", "mixed_bfloat16"), ("avx2", "float32")]
)
def test_choose_policy_auto_takes_bfloat16_where_the_processor_has_it(tmp_path, monkeypatch, flags, policy):
    monkeypatch.setattr(precision, "_CPU_INFO", write_cpu_info(tmp_path, flags))
    assert choose_policy("auto") == policy


def test_choose_policy_named_is_taken_whatever_the_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "_CPU_INFO", tmp_path / "none")
    assert [choose_policy(name) for name in ("float32", "mixed_bfloat16", "auto")] == [
        "float32",
        "mixed_bfloat16",
        "float32",
    ]


def test_dtype_policy_ends_with_the_block_even_when_it_fails():
    def fail_within() -> None:
        with dtype_policy("mixed_bfloat16"):
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail_within()
    assert keras.config.dtype_policy().name == "float32"
