"""Synthetic model inputs: deterministic, and of the kind that each model was trained for.

Every maker takes a shape and a numpy PCG64 seed and returns an array.  `ci/inputs.json` names the maker of each input.
"""

import numpy as np


def generator(seed):
    return np.random.Generator(np.random.PCG64(seed))


def image(shape, seed):
    """A light page with dark strokes, values in about [-1, 1]: NCHW f32."""
    random = generator(seed)
    batch, channels, height, width = shape
    page = np.empty(shape, np.float64)
    rows, columns = np.mgrid[0:height, 0:width]
    for b in range(batch):
        gradient = 0.75 + 0.2 * rows / height - 0.15 * columns / width
        for _ in range(max(6, height * width // 600)):
            h, w = int(random.integers(2, max(3, height // 6))), int(random.integers(1, max(2, width // 12)))
            y, x = int(random.integers(0, max(1, height - h))), int(random.integers(0, max(1, width - w)))
            gradient[y : y + h, x : x + w] = random.uniform(-0.95, -0.2)
        tint = random.uniform(0.95, 1.05, (channels, 1, 1))
        page[b] = gradient * tint + random.normal(0.0, 0.04, (channels, height, width))
    return page.astype(np.float32)


def audio(shape, seed):
    """A few partials with vibrato and a little noise at 16 kHz, peak about 0.3: f32."""
    random = generator(seed)
    count = int(np.prod(shape))
    time = np.arange(count) / 16000.0
    wave = np.zeros(count)
    for harmonic in range(1, 5):
        phase = random.uniform(0.0, 2 * np.pi)
        wave += np.sin(2 * np.pi * 220.0 * harmonic * time + 0.3 * np.sin(2 * np.pi * 5.0 * time) + phase) / harmonic
    wave = 0.15 * wave * (0.6 + 0.4 * np.sin(2 * np.pi * 2.0 * time)) + random.normal(0.0, 0.01, count)
    return wave.reshape(shape).astype(np.float32)


def normal(shape, seed):
    """Standard normal: f32."""
    return generator(seed).standard_normal(shape).astype(np.float32)


def file_bytes(shape, seed):
    """Bytes of a file, with 256 for padding at the end: i32."""
    values = generator(seed).integers(0, 256, shape)
    values[..., -(shape[-1] // 32) :] = 256
    return values.astype(np.int32)


def tokens(shape, seed):
    """Token ids in 6..25: i64."""
    return generator(seed).integers(6, 26, shape)


def mask(shape, _seed):
    """True but for the last third of the last row: bool."""
    values = np.ones(shape, bool)
    values[-1, -(shape[-1] // 3) :] = False
    return values


def constant(shape, value):
    """One number everywhere (the seed is the number): f32."""
    return np.full(shape, value, np.float32)


MAKERS = {
    "image": image,
    "audio": audio,
    "normal": normal,
    "file_bytes": file_bytes,
    "tokens": tokens,
    "mask": mask,
    "constant": constant,
}


def make(spec):
    """An input from its entry in ci/inputs.json: {"make": NAME, "shape": [...], "seed": K}."""
    return MAKERS[spec["make"]](tuple(spec["shape"]), spec["seed"])
