"""Print which stack this platform gets, 1.16 or 1.21: python .ci/stack.py [1.16|1.21]

That is the current one where glibc and Python are new enough, else the older one, unless the argument asks for one. If
it can't run, the exit code is 1 and one line says what to do. Runs on Python 3.6 too, so that an old one is told.
"""

import platform
import sys

# What the wheels of TensorFlow Data Validation and tfx-bsl are built for.
CURRENT_GLIBC = (2, 39)


def choose(asked, system, machine, glibc, python):
    """The stack for a platform, as `platform` describes it; `asked` may be "", for the newest that runs.

    Versions are pairs; glibc is None where the C library is another one. Raises ValueError, with what to do instead.
    """
    if asked not in {"", "1.16", "1.21"}:
        raise ValueError(f"STACK={asked} is not known: STACK=1.16 or STACK=1.21")
    if (system, machine) != ("Linux", "x86_64") or glibc is None:
        without = " without glibc" if system == "Linux" and glibc is None else ""
        raise ValueError(
            f"TFX has wheels for Linux on x86-64 with glibc alone, this is {system} on {machine}{without}: use a"
            " container of Debian 13 or Ubuntu 24.04; to predict, `pip install ./fer_tfx` is enough"
        )
    faults = {"1.16": "", "1.21": ""}
    if not (3, 10) <= python < (3, 12):
        faults["1.16"] = "Python 3.10 or 3.11, this is {}.{}: make PYTHON=python3.11".format(*python)
    if glibc < CURRENT_GLIBC:
        faults["1.21"] = "glibc 2.39 (Debian 13, Ubuntu 24.04), this is {}.{}".format(*glibc)
    elif not (3, 12) <= python < (3, 14):
        faults["1.21"] = "Python 3.12 or 3.13, this is {}.{}: make PYTHON=python3.12".format(*python)
    wanted = [asked] if asked else ["1.21", "1.16"]
    for stack in wanted:
        if not faults[stack]:
            return stack
    raise ValueError("; ".join(f"TFX {stack} needs {faults[stack]}" for stack in wanted))


def read_glibc():
    name, version = platform.libc_ver()
    return tuple(int(part) for part in version.split(".")[:2]) if name == "glibc" else None


if __name__ == "__main__":
    try:
        print(choose("".join(sys.argv[1:]), platform.system(), platform.machine(), read_glibc(), sys.version_info[:2]))
    except ValueError as error:
        sys.exit(f"make: {error}")
