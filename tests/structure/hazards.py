"""What lets data run as code, or a file as a command, read from a source by its syntax tree."""

import ast
from collections.abc import Iterator

# Their very import is refused, as is anything below them.
MODULES = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "joblib", "torch"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
FUNCTIONS = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell",
    "tempfile.mktemp", "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load",
    "yaml.unsafe_load_all", "pandas.read_pickle", "pandas.eval", "shutil.unpack_archive",
    "keras.config.enable_unsafe_deserialization", "ssl._create_unverified_context",
}  # fmt: skip
YAML_LOADERS = {"yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader", "yaml.CLoader"}
# Arguments that make a harmless call a hazard; anything but a plain False may be true.
TRUE_ARGUMENTS = {"shell", "allow_pickle"}
FALSE_ARGUMENTS = {"safe_mode", "verify"}
# Writes where an archive says, not where the caller does.
METHODS = {"extractall", "unpack_archive"}


def find_hazards(source: str) -> Iterator[str]:
    """`line: what` for each hazard in a source, whatever name it goes by there."""
    tree = ast.parse(source)
    aliases = dict(_list_aliases(tree))
    for node in ast.walk(tree):
        for hazard in _judge(node, aliases):
            yield f"{node.lineno}: {hazard}"  # type: ignore[attr-defined]


def _list_aliases(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names in the file by what they stand for: `np` is `numpy`, `run` may be `subprocess.run`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.asname, each.name) for each in node.names if each.asname)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((each.asname or each.name, f"{node.module}.{each.name}") for each in node.names)


def _judge(node: ast.AST, aliases: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        yield from (f"import {name}" for name in names if name.partition(".")[0] in MODULES)
    elif isinstance(node, ast.Attribute | ast.Name):
        # Mentioned is enough: what is handed on is called elsewhere.
        name = _resolve(node, aliases)
        if name in FUNCTIONS | YAML_LOADERS or (isinstance(node, ast.Name) and name in BUILTINS):
            yield name
        elif isinstance(node, ast.Attribute) and node.attr in METHODS:
            yield node.attr
    elif isinstance(node, ast.Call):
        yield from (f"{each.arg}={ast.unparse(each.value)}" for each in node.keywords if _is_hazardous(each))


def _resolve(node: ast.AST, aliases: dict[str, str]) -> str:
    first, dot, rest = ast.unparse(node).partition(".")
    return f"{aliases.get(first, first)}{dot}{rest}"


def _is_hazardous(argument: ast.keyword) -> bool:
    value = argument.value.value if isinstance(argument.value, ast.Constant) else None
    if argument.arg in TRUE_ARGUMENTS:
        return value is not False
    return argument.arg in FALSE_ARGUMENTS and value is not True
