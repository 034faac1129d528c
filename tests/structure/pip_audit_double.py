"""python pip_audit_double.py ANSWER ...: stands in for pip-audit; prints a prepared answer and keeps its arguments."""

import json
import sys
from pathlib import Path

answer = json.loads(Path(sys.argv[1]).read_text("utf-8"))
Path(sys.argv[1]).with_name("arguments.json").write_text(json.dumps(sys.argv[2:]), "utf-8")
print(answer["stdout"])
print(answer["stderr"], file=sys.stderr)
sys.exit(answer["exit_code"])
