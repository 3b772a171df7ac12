"""ONNX backend node tests as directories: NAME/model.onnx and NAME/test_data_set_K/{input,output}_J.pb.

The onnx wheel has no such files: its test cases are Python code that makes model and data when loaded, the random
ones from a fixed numpy seed.  The layout is that of onnx's own `cmd_tools generate-data`.
"""

import warnings

import onnx
from onnx import numpy_helper
from onnx.backend.test import loader

from recipes.common import ROOT, say

CONFORMANCE = ROOT / "corpora" / "conformance"


def tier(number):
    """The names in tier 1 or 2, in the list's order."""
    return (CONFORMANCE / f"tier{number}.txt").read_text().split()


def serialize(value, info):
    """One input or output as the protobuf message that its declared type asks for."""
    if info.type.HasField("sequence_type"):
        return numpy_helper.from_list(value, info.name).SerializeToString()
    if info.type.HasField("optional_type"):
        return numpy_helper.from_optional(value, info.name).SerializeToString()
    if info.type.HasField("map_type"):
        return numpy_helper.from_dict(value, info.name).SerializeToString()
    if isinstance(value, onnx.TensorProto):
        return value.SerializeToString()
    return numpy_helper.from_array(value, info.name).SerializeToString()


def write_case(case, directory):
    directory.mkdir()
    (directory / "model.onnx").write_bytes(case.model.SerializeToString())
    for number, (inputs, outputs) in enumerate(case.data_sets):
        data = directory / f"test_data_set_{number}"
        data.mkdir()
        for kind, values, infos in (("input", inputs, case.model.graph.input), ("output", outputs, case.model.graph.output)):
            for index, value in enumerate(values):
                (data / f"{kind}_{index}.pb").write_bytes(serialize(value, infos[index]))


def load_cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tests of overflowing casts and divisions by zero
        return {case.name: case for case in loader.load_model_tests(kind="node")}


def write_all(out, cases, names):
    if missing := [name for name in names if name not in cases]:
        raise SystemExit(f"onnx {onnx.__version__} has no node test named {', '.join(missing[:5])}")
    out.mkdir()
    for name in names:
        write_case(cases[name], out / name)
    say(f"{len(names)} of {len(cases)} node tests")


def make(out, _wheels):
    """`node/`: tiers 1 and 2."""
    write_all(out / "node", load_cases(), tier(1) + tier(2))


def make_tier3(out, _wheels):
    """`node-tier3/`: all cases that are in neither list."""
    cases = load_cases()
    listed = set(tier(1) + tier(2))
    write_all(out / "node-tier3", cases, [name for name in cases if name not in listed])
