"""Settings that came later and are off leave a training as it was: figures of the version before them.

A logged experiment repeats only as long as they hold. Other processors sum in another order, hence the tolerance. The
streamed losses are those since each epoch has an order of its own.
"""

from dataclasses import replace

import keras
import pytest
from model_doubles import TINY_MODEL, TINY_TRAINER, draw_striped_examples, fit_tiny_network, stub_transform
from test_dataset import write_examples

from configs.spec import AugmentationConfig
from models.networks import build_network
from models.streaming import scan_examples
from models.training import fit

AUGMENTATION = AugmentationConfig(
    rotation_deg=12, scale_fraction=0.12, shift_fraction=0.04, blur_fraction=0.2, noise_fraction=0.3,
    erasing_fraction=0.5, max_erased_px=20,
)  # fmt: skip
TRAINER = replace(TINY_TRAINER, augmentation=AUGMENTATION, crop_px=40, full_size_fraction=0.25)


def test_first_batch_holds_the_pictures_of_before():
    images, targets = next(iter(draw_striped_examples(32).make_train_dataset(stub_transform, TRAINER)))
    assert targets.numpy().argmax(axis=1).tolist() == [1, 1, 0, 1, 0, 0, 1, 0]
    assert float(images.numpy().mean()) == pytest.approx(-0.05868297, abs=1e-5)
    assert float(images[0, 20, 20, 0]) == pytest.approx(0.01276421, abs=1e-4)


def test_fit_in_memory_has_the_losses_of_before(tmp_path):
    history = fit_tiny_network(tmp_path, TRAINER)[0].history
    assert [epoch.loss for epoch in history] == pytest.approx([1.834073, 1.506675, 1.158754, 0.918334], rel=1e-3)
    assert [epoch.accuracy for epoch in history] == [0.40625, 0.4375, 0.6875, 0.96875]
    assert [epoch.eval_loss for epoch in history] == pytest.approx([1.564567, 1.13749, 0.814862, 0.642080], rel=1e-3)
    rates = [0.04752422, 0.03056302, 0.00941275, 0.0]
    assert [epoch.learning_rate for epoch in history] == pytest.approx(rates, abs=1e-7)


def test_fit_streamed_has_the_losses_of_before(tmp_path):
    examples = draw_striped_examples(32)
    pixels, class_indices = list(examples.pixels.numpy()), list(examples.class_indices.numpy())
    for index in range(4):
        write_examples(tmp_path / f"train-{index}.gz", pixels[index::4], class_indices[index::4])
    stream = scan_examples([str(tmp_path / "train-*")], 7, shuffle_rows=16)
    keras.utils.set_random_seed(TRAINER.seed)
    network = build_network(TINY_MODEL, 7)
    dirs = {"checkpoint_dir": str(tmp_path / "checkpoints"), "log_dir": str(tmp_path / "logs")}
    history = fit(network, stream, stream, stub_transform, TRAINER, **dirs).history
    assert [epoch.loss for epoch in history] == pytest.approx([1.844996, 1.487695, 1.115438, 0.897361], rel=1e-3)
