"""No setting takes a secret; and the search for a planted one would find it. The run itself: tests/e2e/test_run.py."""

import gzip
import re
from pathlib import Path

import pytest
from planted_secret import SECRET, find_leaks

from configs.convert import leaf_keys
from configs.spec import PipelineConfig

SECRET_WORDS = {"password", "passwd", "passphrase", "secret", "token", "key", "apikey", "credential", "credentials",
                "auth", "authorization", "cookie", "webhook"}  # fmt: skip


def find_secret_words(setting: str) -> set[str]:
    return set(re.split(r"[._]", setting.lower())) & SECRET_WORDS


def test_settings_have_no_name_that_asks_for_a_secret():
    settings = list(leaf_keys(PipelineConfig))
    assert {"data.path", "trainer.augmentation.flip", "notify.command"} <= set(settings)
    assert [setting for setting in settings if find_secret_words(setting)] == []


@pytest.mark.parametrize("setting", ["serving.api_token", "data.kaggle_key", "notify.smtp.password"])
def test_find_secret_words_finds_them_in_any_place(setting):
    assert find_secret_words(setting)


def test_find_leaks_finds_the_secret_in_plain_and_packed_files(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "clean").write_text("nothing", "utf-8")
    (tmp_path / "a" / "log").write_text(f"TOKEN={SECRET}\n", "utf-8")
    (tmp_path / "rows.gz").write_bytes(gzip.compress(b"\x00" + SECRET.encode()))
    assert list(find_leaks(tmp_path)) == [tmp_path / "a" / "log", tmp_path / "rows.gz"]
