"""Run in an environment with kfp's SDK and nothing of this project: execute a compiled pipeline in containers.

python kfp_runner.py FILE FOLDER NAME=VALUE...: everything is written below FOLDER, which the containers see.
"""

import sys
from functools import partial

import docker
from kfp import components, local

# The runner waits for a container as long as its client does, which is a minute.
docker.from_env = partial(docker.from_env, timeout=3600)
file, folder, *parameters = sys.argv[1:]
# The image's own entry point is Beam's, which Kubeflow replaces by a task's command.
local.init(local.DockerRunner(entrypoint=["/usr/bin/env"], network_mode="none"), pipeline_root=folder)
components.load_component_from_file(file)(**dict(each.split("=", 1) for each in parameters))
