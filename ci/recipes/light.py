"""The nine `light_*` models of the onnx wheel, as they are and with random weights.

`light/NAME/`: model.onnx and the input (a ramp) and expected output of onnx's own backend test.
`light_random/NAME/`: model.onnx with random weights (ci/randomize_weights.py) and io.npz from ONNX Runtime.
"""

import numpy as np
import onnx
from onnx import numpy_helper

from randomize_weights import randomize
from recipes import synthetic
from recipes.common import onnx_data, real_inputs, run_ort, say, static_shape, write_io

LARGE = {"light_bvlc_alexnet", "light_vgg19", "light_zfnet512"}  # 240 to 575 MB of weights each
SEED = 1


def write_original(path, directory):
    """The model with onnx's test data: the input is arange(n) / n (onnx/backend/test/runner, generate_dummy_data)."""
    data = directory / "test_data_set_0"
    data.mkdir(parents=True)
    (directory / "model.onnx").write_bytes(path.read_bytes())
    for number, value in enumerate(real_inputs(onnx.load(path))):
        shape = static_shape(value)
        count = int(np.prod(shape))
        ramp = (np.arange(count).reshape(shape) / count).astype(np.float32)
        (data / f"input_{number}.pb").write_bytes(numpy_helper.from_array(ramp, value.name).SerializeToString())
    outputs = sorted(path.parent.glob(f"{path.stem}_output_*.pb"))
    for number, output in enumerate(outputs):
        (data / f"output_{number}.pb").write_bytes(output.read_bytes())


def write_random(path, directory):
    model = onnx.load(path)
    tensors, elements = randomize(model, SEED)
    directory.mkdir(parents=True)
    onnx.save(model, directory / "model.onnx")
    inputs = {value.name: synthetic.image(tuple(static_shape(value)), SEED) for value in real_inputs(model)}
    outputs = run_ort(directory / "model.onnx", inputs)
    for name, value in outputs.items():
        if not np.isfinite(value).all() or value.max() == value.min():
            raise SystemExit(f"{path.stem} with random weights gives a useless output {name}")
    write_io(directory / "io.npz", inputs, outputs)
    peak = max(float(value.max()) for value in outputs.values())
    say(f"{path.stem}: {elements} random weights in {tensors} tensors, largest output {peak:.4g}")


def models():
    return sorted(onnx_data("light").glob("*.onnx"))


def make_small(out, _wheels):
    for path in models():
        write_original(path, out / "light" / path.stem)
        if path.stem not in LARGE:
            write_random(path, out / "light_random" / path.stem)


def make_large(out, _wheels):
    for path in models():
        if path.stem in LARGE:
            write_random(path, out / "light_random" / path.stem)
