#!/usr/bin/env python3
"""Write corpora/votes: two small models on which a well-known implementation is wrong, with recorded outputs.

usage: target/venv/bin/python ci/recipes/votes.py [--out corpora/votes]   (the venv of ci/inputs has the packages)

`third/NAME.npz` of a case are the outputs of NAME.  The outputs of ONNX Runtime depend on the processor: on one with VNNI
instructions its product of u8 and s8 is right.  The other one, `onnxruntime-without-vnni`, is therefore computed here the way that
its AVX2 and AVX-512 kernels do (vpmaddubsw: pairs of neighbouring products are added in 16 bits and saturate).
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


CASE = '''version = 1
tool = "touchstone 0.1.0"
replay = "touchstone check corpora/votes/NAME"
seed = 0
config = "tiny-fuzz"
config_toml = """
name = "tiny-fuzz"
mx_pixels = 1
mx_channels = 16
mx_depth = 4
rate_half = 4
rate_f32 = 16
clock_mhz = 1000
spm_bytes = 8192
spm_banks = 4
bank_port = 16
acc_rows = 32
prm_records = 64
vx_lanes = 8
dw_lanes = 16
dw_pixels = 1
wport = 8
dram_bw_256 = 512
dram_latency = 20
queue_depth = 16
fetch_port = 8
dma_in_flight = 4
"""
opt_level = 2
precision = "as-is"
contract = "anvil"
faults = []
sets = 1
rewrites = []
'''


def session(model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def write(out, model, feeds, parties, case):
    (out / "third").mkdir(parents=True, exist_ok=True)
    (out / "model.onnx").write_bytes(model.SerializeToString())
    np.savez(out / "inputs.npz", **feeds)
    for name, outputs in parties.items():
        np.savez(out / "third" / f"{name}.npz", **outputs)
    (out / "case.toml").write_text(case)


def saturated(a, b):
    """a (u8) times b (s8): neighbouring pairs of products saturate at 16 bits."""
    products = a.astype(np.int32)[:, :, None] * b.astype(np.int32)[None]
    pairs = np.clip(products[:, 0::2] + products[:, 1::2], -(2**15), 2**15 - 1)
    return pairs.sum(axis=1).astype(np.int32)


def integer_product():
    rng = np.random.default_rng(6)
    m, k, n = 4, 128, 8
    feeds = {"a": rng.integers(0, 256, (m, k)).astype(np.uint8), "b": rng.integers(-128, 128, (k, n)).astype(np.int8)}
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["y"], name="product")],
        "u8s8-product",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, [m, k]), helper.make_tensor_value_info("b", TensorProto.INT8, [k, n])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [m, n])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=8, producer_name="touchstone")
    parties = {
        "numpy": {"y": (feeds["a"].astype(np.int64) @ feeds["b"].astype(np.int64)).astype(np.int32)},
        "onnxruntime": {"y": session(model).run(None, feeds)[0]},
        "onnxruntime-without-vnni": {"y": saturated(feeds["a"], feeds["b"])},
        "onnx-reference": {"y": ReferenceEvaluator(model).run(None, feeds)[0]},
    }
    return model, feeds, parties


def normalisation():
    rng = np.random.default_rng(9)
    channels = [3]
    feeds = {
        "x": rng.standard_normal((2, 3, 4, 4)).astype(np.float32),
        "scale": rng.uniform(0.5, 1.5, channels).astype(np.float32),
        "bias": rng.standard_normal(channels).astype(np.float32),
        "mean": rng.standard_normal(channels).astype(np.float32),
        "var": rng.uniform(0.5, 2, channels).astype(np.float32),
    }
    node = helper.make_node("BatchNormalization", list(feeds), ["y"], name="norm", epsilon=1e-5, momentum=0.9)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, v.shape) for name, v in feeds.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, feeds["x"].shape)
    graph = helper.make_graph([node], "batchnorm-9", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=8, producer_name="touchstone")
    wide = {name: v.astype(np.float64) for name, v in feeds.items()}
    at = lambda name: wide[name].reshape(1, -1, 1, 1)
    y = (wide["x"] - at("mean")) / np.sqrt(at("var") + np.float64(np.float32(1e-5))) * at("scale") + at("bias")
    parties = {
        "numpy-float64": {"y": y.astype(np.float32)},
        "onnxruntime": {"y": session(model).run(None, feeds)[0]},
        "onnx-reference": {"y": ReferenceEvaluator(model).run(None, feeds)[0]},
    }
    return model, feeds, parties


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--out", type=Path, default=root / "corpora" / "votes")
    out = parser.parse_args().out
    for name, make in [("matmulinteger-u8s8-saturates", integer_product), ("batchnorm-9-runs-in-training", normalisation)]:
        model, feeds, parties = make()
        write(out / name, model, feeds, parties, CASE.replace("NAME", name))


if __name__ == "__main__":
    main()
