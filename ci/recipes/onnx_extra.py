"""The ONNX backend tests that the onnx wheel holds as files: old opsets, as PyTorch exported them."""

import shutil

from recipes.common import onnx_data, say


def make(out, _wheels):
    for kind in ("pytorch-converted", "pytorch-operator", "simple"):
        shutil.copytree(onnx_data(kind), out / kind, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
        say(f"{kind}: {len(list((out / kind).iterdir()))} cases")
