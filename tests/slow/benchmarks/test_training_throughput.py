import pytest

from benchmarks.harness.command import render
from benchmarks.training_throughput import Clock, Throughput, count_training_flops, measure
from configs.spec import ModelConfig, TrainerConfig
from models.networks import build_network

TINY = ModelConfig(stem_filters=2, stage_filters=(3, 5), convolutions_per_stage=1)


def test_count_training_flops_equals_the_count_by_hand():
    forward = 2 * (9 * 1 * 2 * 40**2 + 9 * 2 * 3 * 20**2 + 9 * 3 * 5 * 10**2)
    assert count_training_flops(build_network(TINY, 7), 40) == 3 * forward


def test_table_shows_ratio_and_share():
    found = Throughput("float32", 40, 950.0, 1000.0, 300.0, 400.0)
    text = render("training_throughput.md", found=found, clock=Clock(50.0, 38_000), epochs=10)
    assert text.startswith(
        "| training step, 40 px, float32 | |\n|---|---:|\n| fed by the input pipeline, images/s | 950 |\n"
    )
    assert "| pipeline / memory | 0.950 |" in text
    assert "| achieved / attainable | 0.75 |" in text
    assert "| Trainer / step fed by the pipeline | 0.80 |" in text


def test_measure_tiny_network_gives_rates_that_fit_each_other():
    trainer = TrainerConfig(batch_size=16, precision="float32", crop_px=40)
    found = measure(TINY, trainer, steps=2, rounds=1)
    assert (found.policy, found.size_px) == ("float32", 40)
    assert min(found.pipeline_images_per_s, found.attainable_gflops) > 0
    flops = count_training_flops(build_network(TINY, 7), 40)
    assert found.achieved_gflops == pytest.approx(found.memory_images_per_s * flops / 1e9)
