#!/usr/bin/env python3
"""Trains on four test hosts: network namespaces, joined by a bridge, that mpirun reaches through a launch agent which enters them.

network_test.py PROGRAM   PROGRAM is the qkv program. Needs root, iproute2, nftables and Open MPI; is no part of ctest, since it takes minutes.
Each link has 1 Gbit/s. Checks that the result is that of one process over plain links, with 2 % of the packets lost and with a host of half
the speed, and that all processes end within 30 seconds, with a line that names the lost one, after a host was cut off.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import processes_test as shared

HOSTS = ["qkv0", "qkv1", "qkv2", "qkv3"]
NETWORK = "qkvnet"


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, stderr=subprocess.DEVNULL if not check else None)


def inside(host: str, *words: str) -> list[str]:
    """A command in a host's network, under the host's name."""
    return ["ip", "netns", "exec", host, "unshare", "--uts", "sh", "-c", f'hostname {host}; exec "$@"', "sh", *words]


def make_hosts(folder: pathlib.Path) -> None:
    ip("netns", "add", NETWORK)
    ip("-n", NETWORK, "link", "add", "bridge", "type", "bridge")
    ip("-n", NETWORK, "link", "set", "bridge", "up")
    names = "127.0.0.1 localhost\n" + "".join(f"10.77.0.{i + 1} {host}\n" for i, host in enumerate(HOSTS))
    for i, host in enumerate(HOSTS):
        ip("netns", "add", host)
        folder_of_host = pathlib.Path("/etc/netns") / host
        folder_of_host.mkdir(parents=True, exist_ok=True)
        (folder_of_host / "hosts").write_text(names)
        ip("-n", NETWORK, "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", host)
        ip("-n", NETWORK, "link", "set", host, "master", "bridge", "up")
        ip("-n", host, "address", "add", f"10.77.0.{i + 1}/24", "dev", "eth0")
        ip("-n", host, "link", "set", "lo", "up")
        ip("-n", host, "link", "set", "eth0", "up")
        subprocess.run(["tc", "-n", host, "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "1gbit", "burst", "128k", "latency", "50ms"],
                       check=True)
    agent = folder / "agent"
    agent.write_text('#!/bin/sh\nhost=$1\nshift\nexec ip netns exec "$host" unshare --uts sh -c "hostname $host; $*"\n')
    agent.chmod(0o755)


def remove_hosts() -> None:
    for name in [*HOSTS, NETWORK]:
        ip("netns", "delete", name, check=False)
        shutil.rmtree(pathlib.Path("/etc/netns") / name, ignore_errors=True)


def lose_packets(percent: int) -> None:
    rules = f"add table inet loss; add chain inet loss in {{ type filter hook input priority 0; }}; add rule inet loss in numgen random mod 100 < {percent} drop"
    for host in HOSTS:
        subprocess.run(["ip", "netns", "exec", host, "nft", rules if percent else "delete table inet loss"], check=True)


def start(folder: pathlib.Path, words: list[str]) -> subprocess.Popen:
    mpirun = ["mpirun", "--allow-run-as-root", "--mca", "plm_rsh_agent", str(folder / "agent"), "--mca", "btl", "tcp,self", "--mca",
              "btl_tcp_if_include", "10.77.0.0/24", "--mca", "oob_tcp_if_include", "10.77.0.0/24", "--host", ",".join(HOSTS), "-n", "4"]
    return subprocess.Popen(inside(HOSTS[0], *mpirun, *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def members(program: str) -> list[int]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(program) and pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
                found.append(int(pid))
        except OSError:
            pass
    return found


def train(folder: pathlib.Path, words: list[str]) -> float:
    began = time.monotonic()
    process = start(folder, words)
    said = process.communicate(timeout=300)[0]
    if process.returncode != 0:
        sys.exit(f"FAILED: mpirun ended with {process.returncode}:\n{said}")
    return time.monotonic() - began


def slow_down(program: str, stop: threading.Event) -> None:
    """Lets the last process run half of the time."""
    while not stop.wait(0.05):
        running = members(program)
        if len(running) < 4:
            continue
        try:
            os.kill(max(running), signal.SIGSTOP)
            time.sleep(0.05)
            os.kill(max(running), signal.SIGCONT)
        except ProcessLookupError:
            pass


def check_partition(program: str, folder: pathlib.Path, words: list[str]) -> None:
    process = start(folder, [*words, "--max-steps=100000"])
    latest = folder / "partition/checkpoints/latest"
    while not latest.exists() and process.poll() is None:
        time.sleep(0.1)
    if process.poll() is not None:
        sys.exit(f"FAILED: mpirun ended with {process.returncode}:\n{process.communicate()[0]}")
    ip("-n", NETWORK, "link", "set", HOSTS[2], "down")
    cut = time.monotonic()
    while members(program) and time.monotonic() - cut < 60:
        time.sleep(0.1)
    took = time.monotonic() - cut
    time.sleep(5)
    ended = process.poll() is not None
    process.kill()
    said = process.communicate()[0]
    ip("-n", NETWORK, "link", "set", HOSTS[2], "up")
    print(f"partition: all processes ended after {took:.1f} s; mpirun {'ended' if ended else 'had to be killed'}")
    lines = [line for line in said.splitlines() if "error: " in line]
    print("\n".join(lines))
    if took > 30 or not any(HOSTS[2] in line for line in lines):
        sys.exit(f"FAILED: not ended in 30 seconds with a line that names {HOSTS[2]}:\n{said}")


def main() -> None:
    program = os.path.abspath(sys.argv[1])
    missing = [tool for tool in ("mpirun", "ip", "tc", "nft", "unshare") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        print(f"SKIPPED: it needs root and {' '.join(missing)}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        texts = folder / "texts"
        texts.mkdir()
        shared.write_texts(texts)

        def words(output: str) -> list[str]:
            return [program, "train", *shared.task_options("translation", texts), *shared.SHAPE, *shared.RHYTHM, f"--output={folder / output}"]
        shared.train(0, [*words("alone"), "--slices=16"])
        expected = shared.outcome(folder / "alone")
        remove_hosts()
        try:
            make_hosts(folder)
            for what in ("plain", "lossy", "slow"):
                stop = threading.Event()
                helper = threading.Thread(target=slow_down, args=(program, stop))
                if what == "lossy":
                    lose_packets(2)
                if what == "slow":
                    helper.start()
                took = train(folder, words(what))
                if what == "lossy":
                    lose_packets(0)
                if what == "slow":
                    stop.set()
                    helper.join()
                shared.expect_equal(expected, shared.outcome(folder / what), f"training over a {what} network")
                print(f"{what}: the bits of one process, {took:.1f} s")
            check_partition(program, folder, [*words("partition"), "--save-every=5", "--validate-every=100000"])
        finally:
            remove_hosts()
    print("done")


if __name__ == "__main__":
    main()
