"""The recipe: loss, optimiser, learning rate, averaged weights, augmentation."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from configs.spec import AugmentationConfig, TrainerConfig
from fer_tfx.contract import IMAGE_SIZE_PX

_CENTRE_PX = (IMAGE_SIZE_PX - 1) / 2
_LEAST_LOG = -4.0  # of a target in the reverse cross entropy: A of Wang et al. 2019
_MIN_ERASED_PX = 6  # a sixty-fourth of the picture, near the 2 % of Zhong et al. 2017, "Random Erasing"


def compile_network(network: keras.Model, config: TrainerConfig, steps_per_epoch: int) -> None:
    """Give `network` optimiser and loss of the recipe."""
    with network.distribute_strategy.scope():
        optimizer = build_optimizer(network, config, steps_per_epoch)
        optimizer.build(network.trainable_variables)
        network.compile(
            optimizer,
            loss=build_loss(config),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=False,  # XLA on CPU only adds a long compilation
        )


def build_loss(config: TrainerConfig) -> keras.losses.Loss:
    """Cross entropy of logits against distributions over the classes, both float32 (b, classes): float32 (b,).

    With `consistency_weight` w, rows 2i and 2i + 1 are views of one picture, whose target is (1 - w) * target + w *
    mean of both answers (soft bootstrapping, Reed et al. 2014, arXiv:1412.6596). `reverse_weight` adds that multiple of
    the reverse cross entropy, -sum(answer * log(target)), where a logarithm is at least -4 (Wang et al. 2019,
    arXiv:1908.06112).
    """

    def compute_loss(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        answers = tf.nn.softmax(logits)
        if config.consistency_weight:
            agreed = tf.reduce_mean(tf.reshape(tf.stop_gradient(answers), [-1, 2, answers.shape[-1]]), axis=1)
            targets = (1.0 - config.consistency_weight) * targets
            targets += config.consistency_weight * tf.repeat(agreed, 2, axis=0)
        loss = keras.losses.categorical_crossentropy(targets, logits, from_logits=True)
        if config.reverse_weight:
            log_targets = tf.math.log(tf.maximum(targets, math.exp(_LEAST_LOG)))
            loss -= config.reverse_weight * tf.reduce_sum(answers * log_targets, axis=1)
        return loss

    return compute_loss


def build_optimizer(network: keras.Model, config: TrainerConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """SGD with Nesterov momentum (Sutskever et al. 2013).

    `weight_decay` means the L2 penalty, which momentum amplifies 1 / (1 - momentum) times; Keras decays weights beside
    the gradient, so that factor is put in here. Weights of rank 1 (biases, batch normalisation) are not decayed.
    """
    optimizer = keras.optimizers.SGD(
        learning_rate=build_schedule(config, steps_per_epoch),
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay / (1 - config.momentum),
    )
    optimizer.exclude_from_weight_decay(var_list=[v for v in network.trainable_variables if len(v.shape) < 2])
    return optimizer


def build_schedule(config: TrainerConfig, steps_per_epoch: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear warm-up to `peak_learning_rate`, then half a cosine down to `final_rate_fraction` of it.

    The cosine is that of Loshchilov and Hutter 2016. With w warm-up steps, at most half of the run, step t < w has the
    rate peak * (t + 1) / (w + 1).
    """
    total_steps = config.epochs * steps_per_epoch
    warmup_steps = round(min(config.warmup_epochs * steps_per_epoch, total_steps // 2))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.peak_learning_rate / (warmup_steps + 1),
        warmup_target=config.peak_learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
        decay_steps=total_steps - warmup_steps,
        alpha=config.final_rate_fraction,
    )


class WeightAverage:
    """Exponential moving average of a built network's trainable weights (Polyak and Juditsky 1992).

    Step t, from 1, keeps min(momentum, (1 + t) / (10 + t)), the ramp of `tf.train.ExponentialMovingAverage`.
    """

    def __init__(self, network: keras.Model, momentum: float) -> None:
        self._network = network
        self._momentum = momentum
        self._calibrate = build_calibration(network)
        self.variables = [tf.Variable(weight.numpy()) for weight in network.trainable_variables]  # the average

    @tf.function  # type: ignore[untyped-decorator]
    def update(self, step: tf.Tensor) -> None:
        """Take in the weights as they are after `step` steps, int64 ()."""
        count = tf.cast(step, tf.float32)
        kept_fraction = tf.minimum(self._momentum, (1.0 + count) / (10.0 + count))
        for average, weight in zip(self.variables, self._network.trainable_variables, strict=True):
            average.assign_sub((1.0 - kept_fraction) * (average - weight.value))

    def apply(self, images: tf.data.Dataset) -> None:
        """Give the network the averaged weights and the batch-norm statistics that they have on `images`."""
        for weight, average in zip(self._network.trainable_variables, self.variables, strict=True):
            weight.assign(average.numpy())
        self._calibrate(images)

    @contextmanager
    def applied(self, images: tf.data.Dataset) -> Iterator[None]:
        """Within the block the network is as after `apply`; afterwards it is as it was before."""
        saved = [variable.numpy() for variable in self._network.variables]
        self.apply(images)
        try:
            yield
        finally:
            for variable, value in zip(self._network.variables, saved, strict=True):
                variable.assign(value)


def build_calibration(network: keras.Model) -> Callable[[tf.data.Dataset], None]:
    """Function that sets each batch-norm layer's mean and variance to their average over batches of one size, float32
    (b, 48, 48, 1).

    Those that training collected don't belong to averaged weights (Izmailov et al. 2018, arXiv:1803.05407).
    """
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def take_in(batch: tf.Tensor, kept_fraction: tf.Tensor) -> None:
        for layer in layers:
            layer.momentum = kept_fraction
        network(batch, training=True)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum

    def calibrate(images: tf.data.Dataset) -> None:
        for seen_batches, batch in enumerate(images):
            # The running mean of n + 1 values is n / (n + 1) of that of n values plus the rest.
            take_in(batch, tf.constant(seen_batches / (seen_batches + 1)))

    return calibrate


def make_targets(class_indices: tf.Tensor, targets: tf.Tensor, config: TrainerConfig) -> tf.Tensor:
    """What is trained on: (1 - `target_weight`) * smoothed label (Szegedy et al. 2015) + `target_weight` * target.

    Labels are int64 (b,), targets and result float32 (b, classes); a row whose target is all 0 has its label alone.
    """
    class_count = targets.shape[-1]
    labels = tf.one_hot(class_indices, class_count) * (1.0 - config.label_smoothing)
    labels += config.label_smoothing / tf.constant(float(class_count))
    weights = tf.where(tf.reduce_any(targets > 0.0, axis=1, keepdims=True), config.target_weight, 0.0)
    return (1.0 - weights) * labels + weights * targets


def augment(
    images: tf.Tensor,
    is_flipped: tf.Tensor,
    seed: tf.Tensor,
    config: AugmentationConfig,
    size_px: int | tf.Tensor = IMAGE_SIZE_PX,
) -> tf.Tensor:
    """Change pictures at random and cut a square out of each, at a random place: float32 (batch, size_px, size_px, 1).

    Images are float32 (batch, 48, 48, 1), z-scored, so gaps are filled with the mean grey, 0; those where `is_flipped`,
    bool (batch,), are mirrored. The seed is int (2,).
    """
    warp_seed, blur_seed, noise_seed, erase_seed = _split(seed, 4)
    rotation_seed, scale_seed, shift_seed, shear_seed, aspect_seed = _split(warp_seed, 5)
    count, size_px = tf.shape(images)[0], tf.convert_to_tensor(size_px)
    cut_away_px = tf.cast(IMAGE_SIZE_PX - size_px, tf.float32)
    images = warp(
        images,
        is_flipped=is_flipped,
        rotation_rad=_draw([count], rotation_seed, math.radians(config.rotation_deg)),
        scale=1.0 + _draw([count], scale_seed, config.scale_fraction),
        shift_px=_draw([count, 2], shift_seed, config.shift_fraction * IMAGE_SIZE_PX + cut_away_px / 2.0),
        size_px=size_px,
        shear=_draw([count], shear_seed, math.tan(math.radians(config.shear_deg))),
        aspect=1.0 + _draw([count], aspect_seed, config.aspect_fraction),
    )
    if config.blur_fraction:
        images = _blur_randomly(images, blur_seed, config.blur_fraction)
    if config.noise_fraction:
        images = _add_noise_randomly(images, noise_seed, config.noise_fraction, config.max_noise)
    if config.erasing_fraction:
        images = _erase_randomly(images, erase_seed, config.erasing_fraction, config.max_erased_px)
    return images


def mix(
    images: tf.Tensor, targets: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mix the pictures and targets of some batches with those of the same batch in reverse order.

    Mixup (Zhang et al. 2018, arXiv:1710.09412) is s * picture + (1 - s) * other, s from Beta(alpha, alpha). CutMix (Yun
    et al. 2019, arXiv:1905.04899) replaces a rectangle of sqrt(1 - s) of each side, centred anywhere and clipped at the
    border. The target keeps the picture's share. s and rectangle are drawn once per batch from the seed, int (2,).
    Images are float32 (b, size, size, 1), targets float32 (b, classes).
    """
    choice_seed, kind_seed, share_seed, centre_seed = _split(seed, 4)
    cutmix_fraction = 0.5 if config.mixup_alpha and config.cutmix_alpha else float(config.cutmix_alpha > 0)
    is_cut = tf.random.stateless_uniform([], kind_seed) < cutmix_fraction
    alpha = tf.where(is_cut, config.cutmix_alpha, config.mixup_alpha)
    gammas = tf.random.stateless_gamma([2], share_seed, alpha)
    share = tf.math.divide_no_nan(gammas[0], tf.reduce_sum(gammas))
    size_px = tf.cast(tf.shape(images)[1], tf.float32)
    distances_px = tf.abs(tf.range(size_px) + 0.5 - size_px * tf.random.stateless_uniform([2, 1], centre_seed))
    is_within = distances_px < size_px * tf.sqrt(1.0 - share) / 2.0
    is_replaced = is_within[0][:, tf.newaxis] & is_within[1][tf.newaxis, :]
    kept = tf.where(is_cut, tf.where(is_replaced, 0.0, 1.0), share)
    kept = tf.where(tf.random.stateless_uniform([], choice_seed) < config.mixed_fraction, kept, 1.0)
    kept_share, kept = tf.reduce_mean(kept), kept[..., tf.newaxis]
    mixed_images = kept * images + (1.0 - kept) * images[::-1]
    return mixed_images, kept_share * targets + (1.0 - kept_share) * targets[::-1]


def warp(
    images: tf.Tensor,
    is_flipped: tf.Tensor,
    rotation_rad: tf.Tensor,
    scale: tf.Tensor,
    shift_px: tf.Tensor,
    size_px: tf.Tensor,
    shear: tf.Tensor | float = 0.0,
    aspect: tf.Tensor | float = 1.0,
) -> tf.Tensor:
    """Flip, enlarge, stretch, shear and rotate each picture about its centre, shift it, and cut the middle out.

    Images are float32 (batch, 48, 48, 1), `is_flipped` is bool (batch,), `shift_px` float32 (batch, 2), right and
    down, the others float32 (batch,). Rotation is counter-clockwise, `shear` moves a pixel to the right by this share
    of its depth below the centre, `aspect` is the new ratio of width to height. Gaps become 0.
    """
    # The op takes the inverse transform: rows (8,) that map a pixel of the new picture to its place in the old one.
    mirror = tf.where(is_flipped, -1.0, 1.0)
    cosine, sine = tf.cos(rotation_rad) / scale, tf.sin(rotation_rad) / scale
    widening = tf.sqrt(aspect)
    x_from_x, x_from_y = mirror * (cosine - shear * sine) / widening, -mirror * (sine + shear * cosine) / widening
    y_from_x, y_from_y = sine * widening, cosine * widening
    new_centre_px = (tf.cast(size_px, tf.float32) - 1.0) / 2.0
    moved_x, moved_y = new_centre_px + shift_px[:, 0], new_centre_px + shift_px[:, 1]
    x_offset = _CENTRE_PX - (x_from_x * moved_x + x_from_y * moved_y)
    y_offset = _CENTRE_PX - (y_from_x * moved_x + y_from_y * moved_y)
    zeros = tf.zeros_like(scale)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([x_from_x, x_from_y, x_offset, y_from_x, y_from_y, y_offset, zeros, zeros], axis=1),
        output_shape=tf.stack([size_px, size_px]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _blur_randomly(images: tf.Tensor, seed: tf.Tensor, blur_fraction: float) -> tf.Tensor:
    """Replace each pixel by the mean of 3x3 in a share of the pictures."""
    chosen = tf.where(tf.random.stateless_uniform([tf.shape(images)[0]], seed) < blur_fraction)
    return tf.tensor_scatter_nd_update(images, chosen, tf.nn.avg_pool2d(tf.gather_nd(images, chosen), 3, 1, "SAME"))


def _add_noise_randomly(images: tf.Tensor, seed: tf.Tensor, noise_fraction: float, max_noise: float) -> tf.Tensor:
    """Add independent Gaussian noise to a share of the pictures, of a random strength for each."""
    choice_seed, strength_seed, noise_seed = _split(seed, 3)
    chosen = tf.where(tf.random.stateless_uniform([tf.shape(images)[0]], choice_seed) < noise_fraction)
    clean = tf.gather_nd(images, chosen)
    strengths = tf.random.stateless_uniform([tf.shape(clean)[0], 1, 1, 1], strength_seed, 0.0, max_noise)
    noise = tf.random.stateless_normal(tf.shape(clean), noise_seed, alg="philox")
    return tf.tensor_scatter_nd_update(images, chosen, clean + strengths * noise)


def _erase_randomly(images: tf.Tensor, seed: tf.Tensor, erasing_fraction: float, max_px: int) -> tf.Tensor:
    """Set one rectangle to 0 in a share of the pictures (Zhong et al. 2017, "Random Erasing Data Augmentation")."""
    count, height, width = tf.unstack(tf.shape(images)[:3])
    choice_seed, row_seed, column_seed = _split(seed, 3)
    is_chosen = tf.random.stateless_uniform([count, 1, 1], choice_seed) < erasing_fraction
    rows, columns = _draw_span(count, height, row_seed, max_px), _draw_span(count, width, column_seed, max_px)
    is_erased = is_chosen & rows[:, :, tf.newaxis] & columns[:, tf.newaxis, :]
    return tf.where(is_erased[..., tf.newaxis], 0.0, images)


def _draw_span(count: tf.Tensor, size_px: tf.Tensor, seed: tf.Tensor, max_px: int) -> tf.Tensor:
    """One random stretch of pixels along one axis for each picture: bool (count, size_px)."""
    length_seed, start_seed = _split(seed, 2)
    longest = tf.minimum(max_px, size_px) + 1
    lengths = tf.random.stateless_uniform([count, 1], length_seed, _MIN_ERASED_PX, longest, tf.int32)
    fractions = tf.random.stateless_uniform([count, 1], start_seed)
    starts = tf.cast(fractions * tf.cast(size_px - lengths + 1, tf.float32), tf.int32)
    positions = tf.range(size_px)[tf.newaxis, :]
    return (positions >= starts) & (positions < starts + lengths)


def _draw(shape: list[tf.Tensor | int], seed: tf.Tensor, bound: float | tf.Tensor) -> tf.Tensor:
    """Uniform float32 in [-bound, bound)."""
    return tf.random.stateless_uniform(shape, seed, -1.0, 1.0) * bound


def _split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    return list(tf.unstack(tf.random.experimental.stateless_split(seed, count)))
