"""Run in an environment with kfp's SDK and nothing of this project: execute a compiled pipeline in containers.

python kfp_runner.py FILE FOLDER NAME=VALUE...: everything is written below FOLDER, which the containers see.
"""

import sys

from kfp import components, local

file, folder, *parameters = sys.argv[1:]
# The image's own entry point is Beam's, which Kubeflow replaces by a task's command.
local.init(local.DockerRunner(entrypoint=["/usr/bin/env"], network_mode="none"), pipeline_root=folder)
components.load_component_from_file(file)(**dict(each.split("=", 1) for each in parameters))
