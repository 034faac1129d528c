"""Run in an environment with kfp's SDK and nothing of this project: what the SDK reads in a file, as JSON."""

import json
import sys

import kfp
from kfp import components

component = components.load_component_from_file(sys.argv[1])
inputs = {name: [each.type, each.default] for name, each in component.component_spec.inputs.items()}
print(json.dumps({"version": kfp.__version__, "name": component.name, "inputs": inputs}))
