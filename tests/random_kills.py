#!/usr/bin/env python3
"""Kills a random process of a training at a random moment, again and again, and compares each checkpoint with an uninterrupted training.

random_kills.py PROGRAM [--kills N] [--minutes M] [--seed S]   PROGRAM is the qkv program. Needs Open MPI's mpirun; without it, or with a program
that was built without MPI, it says so and ends with code 77. Not part of ctest: 20 kills take some minutes.

Each session resumes with another random number of processes and is killed within its first seconds: while it reads, trains, validates or
writes a checkpoint. After each kill the newest checkpoint must have the bits of the uninterrupted training, which ran in one process, and no
process may be left. A training that reaches its end is compared as a whole and begun anew.
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

import processes_test as training

STEPS, EVERY = 1000, 10
COUNTS = (1, 2, 4, 8)


def members_of(ancestor: int, program: str) -> list[int]:
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and training.is_member(int(pid), ancestor, program)]


def states(checkpoint: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in checkpoint.glob("*.safetensors")}


def latest(output: pathlib.Path) -> pathlib.Path | None:
    name = output / "checkpoints/latest"
    return output / "checkpoints" / name.read_text().strip() if name.exists() else None


def wait_for_none(group: list[int], program: str) -> None:
    """Fails if a process of the program is still there 30 seconds after its group lost one."""
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}") and alive(pid, program) for pid in group):
        if time.monotonic() > deadline:
            sys.exit(f"FAILED: processes {group} are left after a kill")
        time.sleep(0.05)


def alive(pid: int, program: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/exe") == os.path.realpath(program)
    except OSError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10, help="ends earlier, with the kills so far")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    if not shutil.which("mpirun"):
        print("SKIPPED: there is no mpirun; install openmpi-bin")
        sys.exit(77)
    print(f"seed {options.seed}", flush=True)
    generator = random.Random(options.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        texts = folder / "texts"
        texts.mkdir()
        training.write_texts(texts)

        def words(output: str, keep: int) -> list[str]:
            return [program, "train", *training.task_options("translation", texts), *training.SHAPE, *training.RHYTHM, f"--max-steps={STEPS}",
                    f"--save-every={EVERY}", "--validate-every=100", f"--keep-checkpoints={keep}", f"--output={folder / output}", "--resume"]
        training.train(0, [*words("whole", STEPS), "--slices=16"])
        expected, finished = folder / "whole/checkpoints", training.outcome(folder / "whole")
        if "built without MPI" in (said := training.run(2, words("first", 2))[1]):
            print("SKIPPED: the program was built without MPI; install libopenmpi-dev and build it again")
            sys.exit(77)
        training.expect_equal(finished, training.outcome(folder / "first"), f"an uninterrupted training in 2 processes\n{said}")
        kills, ends, slowest, count, at = 0, 0, 0.0, 0, []
        while kills < options.kills and time.monotonic() - began < 60 * options.minutes:
            count = generator.choice([each for each in COUNTS if each != count])
            before = latest(folder / "killed")
            process = training.start(count, words("killed", 2))
            moment = time.monotonic() + generator.uniform(0.3, 2.5 + 0.5 * count)
            while time.monotonic() < moment and process.poll() is None:
                time.sleep(0.005)
            group = members_of(process.pid, program)
            if group and process.poll() is None:
                os.kill(generator.choice(group), signal.SIGKILL)
                killed = time.monotonic()
                said = process.communicate(timeout=60)[0]
                wait_for_none(group, program)
                slowest = max(slowest, time.monotonic() - killed)
                kills += process.returncode != 0
            else:
                said = process.communicate(timeout=60)[0]
                if process.returncode != 0:
                    sys.exit(f"FAILED: {count} processes ended with {process.returncode} without a kill:\n{said}")
            newest = latest(folder / "killed")
            if process.returncode == 0:
                training.expect_equal(finished, training.outcome(folder / "killed"), f"a training with {kills} kills")
                shutil.rmtree(folder / "killed")
                ends += 1
                continue
            if newest is None:
                at.append(f"{count}:-")
                continue
            at.append(f"{count}:{newest.name.removeprefix('step-')}{'' if newest != before else '='}")
            for file, value in states(expected / newest.name).items():
                if states(newest)[file] != value:
                    sys.exit(f"FAILED: after kill {kills}, {file} of {newest.name} differs from the uninterrupted training's")
        training.train(2, words("killed", 2))
        training.expect_equal(finished, training.outcome(folder / "killed"), "the killed training at its end")
    print(f"{kills} kills (processes:newest checkpoint; '=': none new): {' '.join(at)}")
    print(f"{ends + 1} trainings ended with the bits of the uninterrupted one; all processes were gone at most {slowest:.1f} s after a kill; "
          f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
