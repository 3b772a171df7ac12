#!/usr/bin/env python3
"""Give a model random weights of sensible scale.

usage: ci/randomize_weights.py IN.onnx OUT.onnx --seed K     (run with target/venv/bin/python, which has onnx)

The `light_*` models of the onnx wheel have every weight at one constant (made by ConstantOfShape), which makes their
logits 1e19 and their softmax meaningless.  Here each weight becomes an initializer of random numbers, by its role:

  weight of Conv, ConvTranspose, Gemm, MatMul    normal, variance 2 / fan-in behind a Relu (He et al. 2015,
                                                 arXiv:1502.01852), 1 / fan-in elsewhere
  bias of these, shift of BatchNormalization     normal, standard deviation 0.05
  scale of BatchNormalization                    uniform in [0.8, 1.2]; half of that where the result is a summand of a
                                                 residual connection, or activations would double at each block
  mean of BatchNormalization                     normal, standard deviation 0.1
  variance of BatchNormalization                 uniform in [0.8, 1.2]

Scale and shift may also be separate Mul and Add nodes with the parameter behind Unsqueeze or Reshape.  Each tensor has
its own PCG64 stream, seeded by K and the tensor's name, so one tensor does not depend on the others.
"""

import argparse
import sys
import zlib

import numpy as np
import onnx
from onnx import numpy_helper

SHAPE_OPS = {"Unsqueeze", "Reshape", "Flatten", "Transpose", "Identity", "Squeeze"}
# What passes a rectified tensor on without making it negative.
POSITIVE_OPS = SHAPE_OPS | {"MaxPool", "AveragePool", "GlobalAveragePool", "Concat", "Dropout", "LRN"}
PRODUCTS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


class Model:
    """A graph with its indices: who makes a value, who reads it, and the values known before the graph runs."""

    def __init__(self, model):
        self.model = model
        self.graph = model.graph
        self.initializers = {tensor.name: tensor for tensor in self.graph.initializer}
        self.producer = {name: node for node in self.graph.node for name in node.output}
        self.readers = {}
        for node in self.graph.node:
            for position, name in enumerate(node.input):
                self.readers.setdefault(name, []).append((node, position))

    def filled(self, node):
        """Shape and value of a ConstantOfShape or Constant node's tensor; None for other nodes, or a shape not known."""
        if node.op_type == "Constant":
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            return None if value is None else numpy_helper.to_array(value)
        if node.op_type == "ConstantOfShape" and node.input[0] in self.initializers:
            shape = numpy_helper.to_array(self.initializers[node.input[0]])
            fill = next((numpy_helper.to_array(a.t) for a in node.attribute if a.name == "value"), np.zeros(1, np.float32))
            return np.full(shape, fill[0])
        return None


def is_residual_sum(model, name):
    """Whether a value is a summand of an addition of two computed values."""
    for node, _ in model.readers.get(name, []):
        if node.op_type in ("Add", "Sum") and len(node.input) > 1:
            others = [other for other in node.input if other != name]
            computed = [o for o in others if o in model.producer and not is_parameter(model, o)]
            if len(computed) == len(others):
                return True
    return False


def is_parameter(model, name):
    """Whether a value is an initializer, a constant node's output, or one of these reshaped."""
    while (node := model.producer.get(name)) is not None:
        if node.op_type in ("Constant", "ConstantOfShape"):
            return True
        if node.op_type not in SHAPE_OPS:
            return False
        name = node.input[0]
    return name in model.initializers


def role(model, name):
    """(role, node, name of the value as the node reads it), from the first reader that tells; None if none does."""
    for node, position in model.readers.get(name, []):
        if node.op_type in PRODUCTS and position > 0:
            return ("weight" if position == 1 else "shift"), node, name
        if node.op_type == "BatchNormalization" and position > 0:
            return ("scale", "shift", "mean", "variance")[position - 1], node, name
        if node.op_type in ("Mul", "Add"):
            return ("scale" if node.op_type == "Mul" else "shift"), node, name
        if node.op_type in SHAPE_OPS and position == 0 and (found := role(model, node.output[0])):
            return found
    return None


def is_rectified(model, name):
    """Whether a value comes from a Relu, through nothing but pooling, reshaping and the like."""
    while (node := model.producer.get(name)) is not None:
        if node.op_type in ("Relu", "Clip"):
            return True
        if node.op_type not in POSITIVE_OPS:
            return False
        name = node.input[0]
    return False


def fan_in(node, shape):
    """How many products are summed for one output element, from the weight's shape."""
    if node.op_type == "Conv":
        return int(np.prod(shape[1:]))
    if node.op_type == "ConvTranspose":
        return int(shape[0] * np.prod(shape[2:]))
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return int(shape[-1] if transposed else shape[-2])


def draw(model, name, shape, seed):
    """Random values for the tensor, or None when it is no weight."""
    found = role(model, name)
    if found is None:
        return None
    kind, node, _ = found
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())])))
    if kind == "weight":
        # The fan-in of a reshaped weight: its Gemm or MatMul sums over the last axes, which reshaping keeps together.
        flat = shape if len(shape) >= 2 else (1, *shape)
        count = fan_in(node, flat) if node.op_type.startswith("Conv") or len(shape) == 2 else int(np.prod(flat[1:]))
        gain = 2.0 if is_rectified(model, node.input[0]) else 1.0
        return random.standard_normal(shape) * np.sqrt(gain / count)
    if kind == "mean":
        return random.standard_normal(shape) * 0.1
    if kind == "shift":
        return random.standard_normal(shape) * 0.05
    values = random.uniform(0.8, 1.2, shape)
    if kind == "scale" and is_residual_sum(model, node.output[0]):
        values *= 0.5
    return values


def float_parameters(model):
    """(name, shape, element type) of every float tensor that is an initializer or a constant node's output."""
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            yield tensor.name, tuple(tensor.dims)
    for node in model.graph.node:
        value = model.filled(node)
        if value is not None and value.dtype == np.float32:
            yield node.output[0], value.shape


def replace(model, fresh):
    """Put the new tensors in as initializers, and take out the constant nodes and what only they read."""
    graph = model.graph
    nodes = [node for node in graph.node if node.output[0] not in fresh]
    used = {name for node in nodes for name in node.input} | {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name not in fresh and tensor.name in used]
    tensors = kept + [numpy_helper.from_array(value, name) for name, value in fresh.items()]
    dropped = {tensor.name for tensor in graph.initializer} - {tensor.name for tensor in tensors}
    inputs = [value for value in graph.input if value.name not in dropped and value.name not in fresh]
    if model.model.ir_version < 4:  # IR 3 wants each initializer listed as an input, too
        inputs += [
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, value.shape) for name, value in fresh.items()
        ]
    for field, content in ((graph.node, nodes), (graph.initializer, tensors), (graph.input, inputs)):
        content = list(content)
        del field[:]
        field.extend(content)


def randomize(proto, seed):
    """Change the model in place; returns the number of tensors and of elements made random."""
    model = Model(proto)
    fresh = {}
    for name, shape in float_parameters(model):
        values = draw(model, name, shape, seed)
        if values is not None:
            fresh[name] = values.astype(np.float32)
    if not fresh:
        raise ValueError("the model has no weights that this script knows")
    replace(model, fresh)
    onnx.checker.check_model(proto)
    return len(fresh), sum(value.size for value in fresh.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", metavar="IN.onnx")
    parser.add_argument("output", metavar="OUT.onnx")
    parser.add_argument("--seed", type=int, required=True, help="any non-negative integer")
    options = parser.parse_args()
    try:
        proto = onnx.load(options.input)
        tensors, elements = randomize(proto, options.seed)
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        sys.exit(f"randomize_weights: {options.input}: {error}")
    onnx.save(proto, options.output)
    print(f"{options.output}: {elements} elements in {tensors} tensors", file=sys.stderr)


if __name__ == "__main__":
    main()
