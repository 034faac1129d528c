"""The learning rate of each step."""

import keras

from configs.spec import TrainerConfig


def build_schedule(config: TrainerConfig, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear warm-up to `peak_learning_rate`, then half a cosine to 0 (Loshchilov and Hutter 2016, "SGDR").

    With w warm-up steps, step t < w has the rate peak * (t + 1) / (w + 1): the first step is not wasted at 0.
    Warm-up takes at most half of the run, so that a run of one epoch still learns.
    """
    total_steps = config.epochs * steps_per_epoch
    warmup_steps = round(min(config.warmup_epochs * steps_per_epoch, total_steps // 2))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.peak_learning_rate / (warmup_steps + 1),
        warmup_target=config.peak_learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
        decay_steps=total_steps - warmup_steps,
    )
