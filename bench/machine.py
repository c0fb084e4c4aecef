"""Facts of the machine and of the versions measured, and which processor runs what.

Refuses to tell anything that names the machine: no host name, no path, no build tag of the kernel.
Called by the command and the rounds.
"""

import os
import platform
import re
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from bench.clients import ROOT as ROOT
from bench.clients import Contender
from bench.server import find_program


def choose_cpus() -> tuple[int, int] | None:
    """The processors for the client and for the server; None where there is one only, or no way to choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else None


@contextmanager
def pin(cpu: int | None) -> Iterator[None]:
    """Keep this process, and those it starts, on one processor within the block; None leaves them free."""
    if cpu is None:
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def describe_machine(cpus: tuple[int, int] | None) -> dict[str, str]:
    """Processor, kernel, Python, TLS library and the way the processors are shared."""
    return {
        "processor": f"{_find_processor()}, {os.cpu_count()} logical",
        "kernel": f"{platform.system()} {_cut_version(platform.release())}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "TLS": ssl.OPENSSL_VERSION,
        "pinning": (
            "client and server share what there is (not pinned)"
            if cpus is None
            else f"client on CPU {cpus[0]} (with one request in flight: on any), nginx's worker on CPU {cpus[1]}"
        ),
    }


def describe_versions(contenders: Iterable[Contender]) -> dict[str, str]:
    """The version of each package that these contenders use, and of nginx, wrk and h2load."""
    programs = {"nginx": "-v", "wrk": "-v", "h2load": "--version"}
    found = {name: _ask_version(name, option) for name, option in programs.items()}
    return found | describe_packages(contenders)


def describe_packages(contenders: Iterable[Contender]) -> dict[str, str]:
    """The version of each package that these contenders use, where they have it."""
    homes = {package: contender.find_folders() for contender in contenders for package in contender.packages}
    return {package: _find_version(package, folders) for package, folders in sorted(homes.items())}


def _find_version(package: str, folders: list[str]) -> str:
    here = distributions(name=package, path=folders)
    return next((one.version for one in here), "from the tree")


def hide_paths(text: str) -> str:
    """The text without the folders of this project, of Python and of temporary files."""
    folders = {str(ROOT): "(project)", sys.prefix: "(python)", sys.base_prefix: "(python)"}
    folders[tempfile.gettempdir()] = "(temporary)"
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(folder, folders[folder])
    return text


def _find_processor() -> str:
    facts = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", facts.read_text(), re.M) if facts.exists() else None
    return found[1] if found else platform.machine()


def _cut_version(release: str) -> str:
    found = re.match(r"\d+(\.\d+)*", release)
    return found[0] if found else ""


def _ask_version(name: str, option: str) -> str:
    program = find_program(name)
    if program is None:
        return "not installed"
    done = subprocess.run([program, option], capture_output=True, text=True, timeout=10, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"
