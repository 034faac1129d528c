"""Kubeflow's driver and launcher with a cluster on loopback: unshare --mount --net python cluster.py PLAN

PLAN is a file in JSON: the programs `driver`, `launcher` and `rclone`; `spec`, the compiled file; `runs`, a list of
parameters, one run for each; `folder`, where everything is written. Doubles stand for Kubernetes, with one config map
and one secret, and for Argo, which runs the tasks one after the other until one fails. ML Metadata is its own store
behind gRPC, the object store rclone's. The outcome of each task of each run is printed as JSON.
"""

import base64
import json
import os
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from graphlib import TopologicalSorter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import yaml
from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store
from ml_metadata.proto import metadata_store_pb2, metadata_store_service_pb2

NAMESPACE, BUCKET, PAIR = "kubeflow", "mlpipeline", ("minio", "minio-secret")
KUBERNETES, OBJECTS, METADATA = 6443, 9000, 8080
ACCOUNT = Path("/run/secrets/kubernetes.io/serviceaccount")  # /var/run is a link to /run
STORE = Path("/minio")  # where the launcher keeps its copies of what is in the bucket
PROVIDERS = f"""
minio:
  default:
    endpoint: 127.0.0.1:{OBJECTS}
    disableSSL: true
    region: any
    forcePathStyle: true
    credentials: {{fromEnv: false, secretRef: {{secretName: pair, accessKeyKey: access, secretKeyKey: secret}}}}
"""
KNOWN = {
    "configmaps/kfp-launcher": {"providers": PROVIDERS},
    "secrets/pair": {
        name: base64.b64encode(value.encode()).decode() for name, value in zip(("access", "secret"), PAIR, strict=True)
    },
}


class KubernetesDouble(BaseHTTPRequestHandler):
    """The API server."""

    def do_GET(self) -> None:
        name = self.path.partition(f"/api/v1/namespaces/{NAMESPACE}/")[2]
        answer = {"metadata": {"name": name.partition("/")[2]}, "data": KNOWN[name]} if name in KNOWN else {"code": 404}
        self.send_response(200 if name in KNOWN else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def start_kubernetes(folder: Path) -> None:
    """Serve, with the files that every pod finds."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for mount in (Path("/run"), STORE):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mount], check=True)
    ACCOUNT.mkdir(parents=True)
    (ACCOUNT / "namespace").write_text(NAMESPACE)
    (ACCOUNT / "token").write_text("token")
    subject = ["-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", folder / "key.pem", "-out", ACCOUNT / "ca.crt"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject]
    subprocess.run(command, check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", KUBERNETES), KubernetesDouble)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ACCOUNT / "ca.crt", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(KUBERNETES)}


def start_metadata(file: Path) -> Any:
    """Serve ML Metadata's store: its wheel has the store and the gRPC service, but no program that joins them."""
    config = metadata_store_pb2.ConnectionConfig(sqlite={"filename_uri": str(file)})
    migration = metadata_store_pb2.MigrationOptions()
    store = metadata_store.CreateMetadataStore(config.SerializeToString(), migration.SerializeToString())
    codes, lock = {code.value[0]: code for code in grpc.StatusCode}, threading.Lock()

    def make_handler(function: Any) -> Any:
        def call(request: bytes, context: Any) -> bytes:
            with lock:
                answer, message, code = function(store, request)
            if code:
                context.abort(codes[code], message.decode())
            return answer

        return grpc.unary_unary_rpc_method_handler(call)

    service = metadata_store_service_pb2.DESCRIPTOR.services_by_name["MetadataStoreService"]
    functions = {each.name: getattr(metadata_store, each.name, None) for each in service.methods}
    handlers = {name: make_handler(function) for name, function in functions.items() if function}
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    server.add_insecure_port(f"127.0.0.1:{METADATA}")
    server.start()
    return server


class ArgoDouble:
    """One run of a compiled file."""

    def __init__(self, plan: dict[str, Any], name: str, parameters: dict[str, Any]) -> None:
        spec, platform = yaml.safe_load_all(Path(plan["spec"]).read_text())
        self.plan, self.spec, self.name = plan, spec, name
        self.kubernetes = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        declared = spec["root"]["inputDefinitions"]["parameters"].items()
        values = {key: each["defaultValue"] for key, each in declared if "defaultValue" in each} | parameters
        self.dag = self.drive("ROOT_DAG", "id", component=spec["root"], runtime_config={"parameterValues": values})

    def drive(self, kind: str, result: str, **arguments: Any) -> str:
        """Run Kubeflow's driver: what it writes to its file `result`."""
        files = {"execution_id": "id", "pod_spec_patch": "pod", "iteration_count": "count", "condition": "condition",
                 "cached_decision": "cached"}  # fmt: skip
        folder = Path(self.plan["folder"], "driver", self.name, arguments.get("task_name", ""))
        words = [f"--{name}_path={folder / file}" for name, file in files.items()]
        for name, value in arguments.items():
            words.append(f"--{name}={value if isinstance(value, str) else json.dumps(value)}")
        words += ["--pipeline_name=fer", f"--run_id={self.name}", f"--run_name={self.name}", "--cache_disabled=true"]
        words += ["--mlmd_server_address=127.0.0.1", f"--mlmd_server_port={METADATA}"]
        words += ["--http_proxy=", "--https_proxy=", "--no_proxy=", f"--type={kind}"]
        subprocess.run([self.plan["driver"], *words], check=True, stdout=sys.stderr)
        return (folder / result).read_text()

    def run(self) -> list[dict[str, Any]]:
        """The outcome of each task, up to the first that fails."""
        tasks = self.spec["root"]["dag"]["tasks"]
        results: list[dict[str, Any]] = []
        graph = {name: task.get("dependentTasks", ()) for name, task in tasks.items()}
        for name in TopologicalSorter(graph).static_order():
            results.append(self.execute(name))
            if results[-1]["code"]:
                break
        return results

    def execute(self, name: str) -> dict[str, Any]:
        """Have the launcher execute a task: its exit code and what was printed."""
        task = self.spec["root"]["dag"]["tasks"][name]
        component = self.spec["components"][task["componentRef"]["name"]]
        label = component["executorLabel"]
        pod = self.drive(
            "CONTAINER", "pod", component=component, task=task, task_name=name, dag_execution_id=self.dag,
            container=self.spec["deploymentSpec"]["executors"][label]["container"],
            kubernetes_config=self.kubernetes.get(label, {}),
        )  # fmt: skip
        (container,) = json.loads(pod)["containers"]
        given = {"$(KFP_POD_NAME)": name.lower(), "$(KFP_POD_UID)": name}
        _, *words = [given.get(word, word) for word in [*container["command"], *container.get("args", ())]]
        done = subprocess.run([self.plan["launcher"], *words], capture_output=True, text=True, check=False)
        print(done.stdout, done.stderr, file=sys.stderr)
        return {"task": name, "code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(plan["folder"])
    (folder / "objects" / BUCKET).mkdir(parents=True)
    start_kubernetes(folder)
    metadata = start_metadata(folder / "metadata.sqlite")
    serve = [plan["rclone"], "serve", "s3", "--addr", f"127.0.0.1:{OBJECTS}", "--auth-key", ",".join(PAIR), "objects"]
    objects = subprocess.Popen(serve, cwd=folder, stdout=sys.stderr)
    try:
        results = [ArgoDouble(plan, f"run-{number}", given).run() for number, given in enumerate(plan["runs"])]
    finally:
        objects.terminate()
        metadata.stop(grace=None)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
