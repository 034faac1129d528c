"""Flink and Spark on this machine: a master and two workers, processes of their own on loopback."""

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engines import JAVA_OPTIONS

WORKERS = 2
SHORT_LIVED = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # compiling better would take longer than it saves
LIMIT_S = 900

# Two slots each, so that one TaskManager can take over the work of the other; Flink gives up after a loss by default.
# Timeouts are for a busy machine. Each exchange of a batch job wants 512 buffers of 32 kB, or what is said here.
FLINK_CONFIG = """
jobmanager.rpc.address: 127.0.0.1
jobmanager.bind-host: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.memory.process.size: 1600m
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
web.upload.dir: {folder}
io.tmp.dirs: {folder}
pekko.ask.timeout: 300 s
web.timeout: 300000
heartbeat.timeout: 300000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 3
restart-strategy.fixed-delay.delay: 1 s
taskmanager.load-balance.mode: SLOTS
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: 2
taskmanager.cpu.cores: 1
taskmanager.memory.task.heap.size: 384m
taskmanager.memory.task.off-heap.size: 128m
taskmanager.memory.managed.size: 512m
taskmanager.memory.network.min: 256m
taskmanager.memory.network.max: 256m
taskmanager.network.sort-shuffle.min-buffers: 64
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 192m
taskmanager.memory.jvm-overhead.max: 192m
"""


@dataclass(frozen=True)
class Cluster:
    """Where jobs are sent, and the processes that do the work."""

    endpoint: str
    workers: "list[subprocess.Popen[bytes]]"


@contextmanager
def run_flink(python: Path, folder: Path, workers: int = WORKERS) -> Iterator[Cluster]:
    """A JobManager and TaskManagers of the Flink that `python` has in its environment."""
    (libraries,) = python.parents[1].glob("lib/*/site-packages/pyflink/lib")
    rpc, rest = find_ports(2)
    (folder / "flink-conf.yaml").write_text(FLINK_CONFIG.format(rpc=rpc, rest=rest, folder=folder))

    def command(entry: str) -> list[str]:
        options = [*JAVA_OPTIONS, *SHORT_LIVED, "-Dorg.apache.logging.log4j.level=INFO", "-cp", f"{libraries}/*"]
        return ["java", *options, f"org.apache.flink.runtime.{entry}", "--configDir", str(folder)]

    master = command("entrypoint.StandaloneSessionClusterEntrypoint")
    worker = command("taskexecutor.TaskManagerRunner")
    with start(folder, master, [worker] * workers) as processes:
        endpoint = f"http://127.0.0.1:{rest}"
        wait_until(lambda: len(ask(f"{endpoint}/taskmanagers", "taskmanagers")) == workers)
        yield Cluster(endpoint, processes)


@contextmanager
def run_spark(python: Path, folder: Path) -> Iterator[Cluster]:
    """A master and workers of the Spark that `python` has in its environment."""
    (home,) = python.parents[1].glob("lib/*/site-packages/pyspark")
    port, rest, page, *pages = find_ports(3 + WORKERS)
    rest_options = f"-Dspark.master.rest.enabled=true -Dspark.master.rest.port={rest}"
    environment = {
        "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_MASTER_OPTS": rest_options,
        "JDK_JAVA_OPTIONS": " ".join(JAVA_OPTIONS),  # a driver that was sent by REST gets none from Spark
    }  # fmt: skip
    program, package = str(home / "bin" / "spark-class"), "org.apache.spark.deploy"
    place = ["--host", "127.0.0.1"]
    master = [program, f"{package}.master.Master", *place, "--port", str(port), "--webui-port", str(page)]
    room = ["--cores", "2", "--memory", "3g", "--work-dir", str(folder)]
    workers = [
        [program, f"{package}.worker.Worker", *place, *room, "--webui-port", str(each), f"spark://127.0.0.1:{port}"]
        for each in pages
    ]
    with start(folder, master, workers, environment) as processes:
        wait_until(lambda: ask(f"http://127.0.0.1:{page}/json/", "aliveworkers") == WORKERS)
        yield Cluster(f"http://127.0.0.1:{rest}", processes)


@contextmanager
def start(
    folder: Path, master: list[str], workers: list[list[str]], environment: dict[str, str] | None = None
) -> "Iterator[list[subprocess.Popen[bytes]]]":
    """The processes of the workers; they and the master end with the block."""
    with ExitStack() as stack:
        processes = []
        for index, command in enumerate([master, *workers]):
            log = stack.enter_context((folder / f"{index}.log").open("wb"))
            inherited = {**os.environ, **(environment or {})}
            process = subprocess.Popen(command, cwd=folder, env=inherited, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes.append(process)
        yield processes[1:]


def find_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def is_listening(port: int) -> bool:
    """Whether a server answers on this port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def ask(url: str, key: str) -> Any:
    """A value of what a REST interface answers; nothing before it does."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (of this machine)
            return json.load(answer)[key]
    except OSError:
        return ""


def wait_until(is_so: Callable[[], object]) -> None:
    """Return when it is so; fail after `LIMIT_S`."""
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s, "it never came to that"
        time.sleep(0.2)
