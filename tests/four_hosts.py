#!/usr/bin/env python3
"""Trains on four hosts that are network namespaces of this machine, over bad links, and checks the weights or how the training ends.

four_hosts.py PROGRAM [CASE …]   PROGRAM is the qkv program. Needs root, ip (iproute2) with namespaces, tc, nft and Open MPI's mpirun; without them
it says what is missing and ends with code 77. Not part of ctest: all cases take some minutes.

Each host has a name, an address and a link of its own; mpirun reaches it through a launch agent that enters its namespace. They share this
machine's files and processors.
  link        1 Gbit/s: the weights of one process
  loss        1 Gbit/s and 2 % of all packets lost: the weights of one process
  interrupted a link is down for three seconds: the weights of one process
  slow        a host that stands still again and again: the weights of one process
  partition   a link goes down for good: all end within 30 s with words that name the host, and two hosts go on with the same weights
  frozen      a process stands still for good: the same
  scale       two hosts, 1 Gbit/s: `qkv bench scale` hides 70 % of the sums of gradients of 6 + 6 layers, and its model of the step is within
              15 %. What cannot be hidden is the embedding, whose gradient is complete last.
"""

import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import processes_test as training

COUNT = 4
NETWORK = "10.213.77"
BRIDGE = "qkvbridge"
STEPS = 240
# Without it, mpirun waits for the daemon of a host that is cut off.
KEEPALIVE = (("oob_tcp_keepalive_time", "4"), ("oob_tcp_keepalive_intvl", "4"), ("oob_tcp_keepalive_probes", "3"))
AGENT = """#!/bin/sh
host=qkvhost${1##*.}
shift
exec ip netns exec "$host" unshare --uts sh -c "hostname $host; $*"
"""


def host(number: int) -> str:
    return f"qkvhost{number}"


def command(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def missing() -> str:
    for program, package in (("ip", "iproute2"), ("tc", "iproute2"), ("nft", "nftables"), ("unshare", "util-linux"), ("mpirun", "openmpi-bin")):
        if not shutil.which(program):
            return f"there is no {program}; install {package}"
    if os.geteuid() != 0:
        return "network namespaces need root"
    if subprocess.run(["ip", "netns", "add", "qkvprobe"], capture_output=True, check=False).returncode != 0:
        return "this machine does not let root make network namespaces"
    command("ip", "netns", "delete", "qkvprobe")
    return ""


class Hosts:
    """The four hosts, as long as the `with` block lasts."""

    def __init__(self, folder: pathlib.Path):
        self.agent = folder / "agent"
        self.agent.write_text(AGENT)
        self.agent.chmod(0o755)
        self.said_file = folder / "said"

    def __enter__(self):
        self.remove()
        command("ip", "link", "add", BRIDGE, "type", "bridge")
        command("ip", "address", "add", f"{NETWORK}.254/24", "dev", BRIDGE)
        command("ip", "link", "set", BRIDGE, "up")
        for number in range(1, COUNT + 1):
            command("ip", "netns", "add", host(number))
            command("ip", "link", "add", f"qkvlink{number}", "type", "veth", "peer", "name", "eth0", "netns", host(number))
            command("ip", "link", "set", f"qkvlink{number}", "master", BRIDGE, "up")
            for words in (["address", "add", f"{NETWORK}.{number}/24", "dev", "eth0"], ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"]):
                command("ip", "-n", host(number), *words)
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self) -> None:
        for number in range(1, COUNT + 1):
            for pid in self.processes(number):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", host(number)], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True, check=False)

    def processes(self, number: int, program: str = "") -> list[int]:
        """The processes on a host; of the program alone, if it is given."""
        found = subprocess.run(["ip", "netns", "pids", host(number)], capture_output=True, text=True, check=False).stdout.split()
        return [int(pid) for pid in found if not program or runs(int(pid), program)]

    def link(self, number: int, state: str) -> None:
        command("ip", "link", "set", f"qkvlink{number}", state)

    def limit(self, rate: str, lost_percent: int) -> None:
        for number in range(1, COUNT + 1):
            inside = ["ip", "netns", "exec", host(number)]
            command(*inside, "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", rate, "burst", "256kb", "latency", "50ms")
            rule = f"numgen random mod 100 < {lost_percent} counter drop"
            if lost_percent:
                command(*inside, "nft", f"add table ip loss; add chain ip loss in {{ type filter hook input priority 0; }}; add rule ip loss in {rule}")

    def lost_packets(self) -> int:
        rules = subprocess.run(["ip", "netns", "exec", host(1), "nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
        return int(rules.split("counter packets ")[1].split()[0])

    def start(self, words: list[str], hosts: int = COUNT) -> subprocess.Popen:
        addresses = ",".join(f"{NETWORK}.{number}" for number in range(1, hosts + 1))
        network = f"{NETWORK}.0/24"
        launcher = ["mpirun", "--allow-run-as-root", "-n", str(hosts), "--host", addresses, "--bind-to", "none", "-x", "QKV_THREADS=1"]
        for name, value in (("plm_rsh_agent", str(self.agent)), ("orte_leave_session_attached", "1"), ("oob_tcp_if_include", network),
                            ("btl", "tcp,self"), ("btl_tcp_if_include", network), *KEEPALIVE):
            launcher += ["--mca", name, value]
        # Not a pipe, which the daemon of a host that is cut off would keep open.
        with open(self.said_file, "w", encoding="utf-8") as file:
            return subprocess.Popen(launcher + words, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)

    def said(self) -> str:
        """What the latest command has said so far."""
        return self.said_file.read_text(encoding="utf-8")

    def finish(self, process: subprocess.Popen, what: str) -> str:
        """Waits for an end without an error; returns what was said."""
        try:
            code = process.wait(timeout=180)
        except subprocess.TimeoutExpired:
            process.kill()
            code = "nothing for 180 s"
        if code != 0:
            sys.exit(f"FAILED: {what} ended with {code}:\n{self.said()}")
        return self.said()

    def wait_for_update(self, process: subprocess.Popen, output: pathlib.Path) -> None:
        """Until there is a checkpoint, so that all hosts are in the midst of updates."""
        deadline = time.monotonic() + 60
        while not (output / "checkpoints/latest").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                sys.exit(f"FAILED: the training did not begin:\n{self.said()}")
            time.sleep(0.02)


def runs(pid: int, program: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/exe") == os.path.realpath(program)
    except OSError:
        return False


class Cases:
    def __init__(self, program: str, folder: pathlib.Path, hosts: Hosts):
        self.program, self.folder, self.hosts = program, folder, hosts
        self.texts = folder / "texts"
        self.texts.mkdir()
        training.write_texts(self.texts)
        training.train(0, [*self.words("alone"), "--slices=16"])
        self.expected = training.outcome(folder / "alone")

    def words(self, output: str) -> list[str]:
        return [self.program, "train", *training.task_options("translation", self.texts), *training.SHAPE, *training.RHYTHM,
                f"--max-steps={STEPS}", "--save-every=20", "--validate-every=80", f"--output={self.folder / output}", "--resume"]

    def expect_whole(self, name: str, disturb=lambda process: None) -> None:
        process = self.hosts.start(self.words(name))
        self.hosts.wait_for_update(process, self.folder / name)
        disturb(process)
        self.hosts.finish(process, name)
        training.expect_equal(self.expected, training.outcome(self.folder / name), name)

    def link(self) -> None:
        self.hosts.limit("1gbit", 0)
        self.expect_whole("link")

    def loss(self) -> None:
        self.hosts.limit("1gbit", 2)
        self.expect_whole("loss")
        print(f"{self.hosts.lost_packets()} packets to host 1 were lost", flush=True)

    def interrupted(self) -> None:
        def disturb(_):
            self.hosts.link(3, "down")
            time.sleep(3)
            self.hosts.link(3, "up")
        self.expect_whole("interrupted", disturb)

    def slow(self) -> None:
        def disturb(process):
            for _ in range(10):
                if process.poll() is None:
                    for signal_number, seconds in ((signal.SIGSTOP, 0.5), (signal.SIGCONT, 0.1)):
                        for pid in self.hosts.processes(2, self.program):
                            os.kill(pid, signal_number)
                        time.sleep(seconds)
        self.expect_whole("slow", disturb)

    def expect_end(self, name: str, words: str, disturb, restore) -> None:
        """All but host 3 must end within 30 s, as mpirun must, and say `words`."""
        process = self.hosts.start([*self.words(name), "--max-steps=100000"])
        self.hosts.wait_for_update(process, self.folder / name)
        disturb()
        began = time.monotonic()
        ended = {}
        while len(ended) < 2 and time.monotonic() - began < 60:
            if process.poll() is not None:
                ended.setdefault("mpirun", time.monotonic() - began)
            if not any(self.hosts.processes(number, self.program) for number in (1, 2, 4)):
                ended.setdefault("the other processes", time.monotonic() - began)
            time.sleep(0.1)
        if process.poll() is None:
            process.kill()
        print("; ".join(f"{what} ended after {seconds:.1f} s" for what, seconds in ended.items()), flush=True)
        said = self.hosts.said()
        named = [line for line in said.splitlines() if words in line]
        if max(ended.values(), default=60) > 30 or len(ended) < 2 or process.wait() == 0 or not named:
            sys.exit(f"FAILED: {name}: wanted an end within 30 s with '{words}':\n{said}")
        print(named[0], flush=True)
        restore()
        deadline = began + 32
        while self.hosts.processes(3, self.program):
            if time.monotonic() > deadline:
                sys.exit(f"FAILED: {name}: the process on {host(3)} is still there")
            time.sleep(0.1)
        step = int((self.folder / name / "checkpoints/latest").read_text().strip().removeprefix("step-")) + 3
        process = self.hosts.start([*self.words(name), f"--max-steps={step}"], 2)
        self.hosts.finish(process, f"{name}: the training on two hosts")
        training.train(0, [*self.words(name + "-alone"), f"--max-steps={step}", "--slices=16"])
        training.expect_equal(weights(self.folder / (name + "-alone")), weights(self.folder / name), f"{name}, resumed on two hosts,")

    def partition(self) -> None:
        def wait():
            """The host that is cut off must see that by itself."""
            deadline = time.monotonic() + 15
            while self.hosts.processes(3, self.program) and time.monotonic() < deadline:
                time.sleep(0.1)
            self.hosts.link(3, "up")
        self.expect_end("partition", f"{NETWORK}.3", lambda: self.hosts.link(3, "down"), wait)

    def frozen(self) -> None:
        frozen = []

        def disturb():
            frozen.extend(self.hosts.processes(3, self.program))
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)

        def restore():
            for pid in frozen:
                if runs(pid, self.program):
                    os.kill(pid, signal.SIGCONT)
        self.expect_end("frozen", f"(on {host(3)})", disturb, restore)


    def scale(self) -> None:
        self.hosts.limit("1gbit", 0)
        for layers, batch_tokens in ((3, 1024), (6, 4096)):
            process = self.hosts.start([self.program, "bench", "scale", "--json", "--steps=3", f"--layers={layers}",
                                        f"--batch-tokens={batch_tokens}"], 2)
            line = next(line for line in self.hosts.finish(process, "scale").splitlines() if line.startswith("{"))
            print(line, flush=True)
            found = json.loads(line)
            hidden, error = 1 - found["exposed_ms"] / found["transfer_ms"], found["estimated_step_ms"] / found["step_ms"] - 1
            print(f"{layers} layers, {batch_tokens} tokens: {100 * hidden:.0f} % hidden, model {100 * error:+.0f} %", flush=True)
            if abs(error) > 0.15 or (batch_tokens == 4096 and hidden < 0.7):
                sys.exit("FAILED: scale: wanted 70 % and 15 %")


def weights(output: pathlib.Path) -> dict:
    found = training.outcome(output)
    return {name: found[name] for name in ("weights.safetensors", "optimizer.safetensors")}


def main() -> None:
    names = ["link", "loss", "interrupted", "slow", "partition", "frozen", "scale"]
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("cases", nargs="*", help=", ".join(names))
    options = parser.parse_args()
    if unknown := set(options.cases) - set(names):
        parser.error(f"no case {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if why := missing():
        print(f"SKIPPED: {why}")
        sys.exit(77)
    alone = os.open(pathlib.Path(tempfile.gettempdir()) / "qkvhosts.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alone, fcntl.LOCK_EX)  # the hosts' names and addresses are the machine's
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # so that the hosts are removed
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for number, case in enumerate(options.cases or names):
            with Hosts(folder) as hosts:
                if number == 0:
                    cases = Cases(os.path.abspath(options.program), folder, hosts)
                cases.hosts = hosts
                began = time.monotonic()
                getattr(cases, case)()
                print(f"{case}: as it should be, {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
