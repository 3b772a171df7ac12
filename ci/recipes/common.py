"""What several recipes need: repository paths, ONNX Runtime sessions, tensor files."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

CI = Path(__file__).resolve().parent.parent
ROOT = CI.parent


def say(text):
    """One progress line on standard error."""
    print(f"inputs:   {text}", file=sys.stderr, flush=True)


def onnx_data(kind):
    """The directory of test data of that kind inside the installed onnx wheel."""
    return Path(onnx.__file__).parent / "backend" / "test" / "data" / kind


def run_ort(model_path, inputs):
    """Outputs by name, from ONNX Runtime without any graph optimisation, on one thread."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def write_io(path, inputs, outputs):
    """io.npz: entries `in/NAME` and `out/NAME`, uncompressed."""
    entries = {f"in/{name}": value for name, value in inputs.items()}
    entries |= {f"out/{name}": value for name, value in outputs.items()}
    np.savez(path, **entries)


def real_inputs(model):
    """The graph inputs that a caller supplies: those that no initializer fills (IR 3 lists both)."""
    initial = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in initial]


def static_shape(value):
    """The dimensions of a value as integers; an unknown one counts as 1."""
    return [d.dim_value if d.HasField("dim_value") else 1 for d in value.type.tensor_type.shape.dim]
