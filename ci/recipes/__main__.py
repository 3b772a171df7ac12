"""`python -m recipes SUBSET OUT_DIR WHEELS_JSON`: run one recipe; see ci/inputs."""

import json
import sys
from pathlib import Path

from recipes import light, models, node, onnx_extra

RECIPES = {
    "node": node.make,
    "node-tier3": node.make_tier3,
    "light": light.make_small,
    "light-large": light.make_large,
    "onnx-extra": onnx_extra.make,
    "models": models.make,
}

subset, out, wheels = sys.argv[1:]
RECIPES[subset](Path(out), json.loads(wheels))
