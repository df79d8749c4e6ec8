#!/usr/bin/env python3
"""Checks that training in several processes gives the bits of one process, ends as a whole, and goes on with any number of processes.

processes_test.py PROGRAM   PROGRAM is the qkv program. Needs python3's standard library and Open MPI's mpirun; without them, or with a
program that was built without MPI, it says so and ends with code 77.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

STEPS = 10
WORDS = "zero one two three four five six seven eight nine".split()
GERMAN = "null eins zwei drei vier fünf sechs sieben acht neun".split()
SHAPE = "--layers 1 --hidden-size 32 --num-attention-heads 2 --ffn-dim 48 --attention-dropout 0.1".split()
RHYTHM = f"--schedule constant --warmup-steps 3 --max-steps {STEPS} --save-every 4 --validate-every 5 --log-every 3 --threads 1".split()


def write_texts(folder: pathlib.Path) -> None:
    generator = random.Random(1)
    for part, lines in (("train", 200), ("valid", 6)):
        rows = [[generator.randrange(10) for _ in range(generator.randint(1, 6))] for _ in range(lines)]
        for side, words in (("en", WORDS), ("de", GERMAN)):
            (folder / f"{part}.{side}").write_text("".join(" ".join(words[d] for d in row) + "\n" for row in rows), encoding="utf-8")
        labels = "".join(" ".join(WORDS[d] for d in row) + f"\t{'odd' if sum(row) % 2 else 'even'}\n" for row in rows)
        (folder / f"{part}.tsv").write_text(labels, encoding="utf-8")


def task_options(task: str, texts: pathlib.Path) -> list[str]:
    if task == "translation":
        files = (("source", "train.en"), ("target", "train.de"), ("valid-source", "valid.en"), ("valid-target", "valid.de"))
        return [f"--{name}={texts / file}" for name, file in files] + "--vocab-size 80 --max-length 64 --batch-tokens 300 --ema-decay 0.9".split()
    if task == "lm":
        return ["--task=lm", f"--text={texts / 'train.de'}", *"--context 16 --batch-tokens 64 --accumulate 4 --recompute layer".split()]
    if task == "mlm":
        return ["--task=mlm", f"--text={texts / 'train.en'}", *"--context 16 --vocab-size 60 --batch-tokens 128 --accumulate 3".split()]
    return ["--task=classification", f"--train-file={texts / 'train.tsv'}", f"--valid-file={texts / 'valid.tsv'}",
            *"--vocab-size 60 --max-length 32 --batch-tokens 200".split()]


def start(processes: int, words: list[str]) -> subprocess.Popen:
    """Starts a command, in `processes` processes under mpirun if they are not 0."""
    launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", str(processes)] if processes else []
    return subprocess.Popen(launcher + words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def run(processes: int, words: list[str]) -> tuple[int, str]:
    process = start(processes, words)
    try:
        said = process.communicate(timeout=120)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        sys.exit(f"FAILED: {processes} processes hang: {' '.join(words)}\n{process.communicate()[0]}")
    return process.returncode, said


def train(processes: int, words: list[str]) -> str:
    code, said = run(processes, words)
    if code != 0:
        sys.exit(f"FAILED: {processes} processes ended with {code}: {' '.join(words)}\n{said}")
    return said


def outcome(output: pathlib.Path) -> dict:
    """All that must not depend on the number of processes: everything but times."""
    last = output / "checkpoints" / (output / "checkpoints" / "latest").read_text().strip()
    found = {path.name: path.read_bytes() for path in last.glob("*.safetensors")}
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        found["final " + name] = (output / name).read_bytes()
    log = [json.loads(line) for line in (output / "train_log.jsonl").read_text().splitlines()]
    found["train_log.jsonl"] = [{k: v for k, v in line.items() if "second" not in k} for line in log]
    found["left-over files"] = [p.name for p in output.rglob("*") if ".tmp" in p.name or ".replaced" in p.name]
    return found


def expect_equal(expected: dict, actual: dict, what: str) -> None:
    if expected.keys() != actual.keys():
        sys.exit(f"FAILED: {what} left {sorted(actual)} instead of {sorted(expected)}")
    for name, value in expected.items():
        if actual[name] != value:
            sys.exit(f"FAILED: {name} of {what} differs from that of one process")


def expect_line(said: str, words: list[str], what: str) -> None:
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    if len(lines) != 1 or any(word not in lines[0] for word in words):
        sys.exit(f"FAILED: {what} should say one line with {words}, but says:\n{said}")


def check_bits(program: str, texts: pathlib.Path, folder: pathlib.Path) -> None:
    for task, counts in (("translation", (1, 2, 8)), ("lm", (2, 4)), ("mlm", (2,)), ("classification", (4,))):
        def words(name: str) -> list[str]:
            return [program, "train", *task_options(task, texts), *SHAPE, *RHYTHM, f"--output={folder / (task + name)}"]
        train(0, words("-alone") + ["--slices=16"])
        expected = outcome(folder / f"{task}-alone")
        for count in counts:
            train(count, words(f"-{count}"))
            expect_equal(expected, outcome(folder / f"{task}-{count}"), f"{task} in {count} processes")
        # Ended early, then on with other numbers of processes, at last alone. The validation at an early end changes no weight.
        for count, steps in ((4, 3), (2, 7), (0, STEPS)):
            train(count, [*words("-parts"), f"--max-steps={steps}", "--resume"])
        states = {name: value for name, value in expected.items() if name in ("weights.safetensors", "optimizer.safetensors")}
        parts = outcome(folder / f"{task}-parts")
        expect_equal(states, {name: parts[name] for name in states}, f"{task} resumed")


def check_kill(program: str, texts: pathlib.Path, folder: pathlib.Path) -> None:
    def words(name: str) -> list[str]:
        return [program, "train", *task_options("translation", texts), *SHAPE, *RHYTHM, "--save-every=5", "--validate-every=100000",
                f"--output={folder / name}", "--resume"]
    process = start(4, [*words("killed"), "--max-steps=100000"])
    latest = folder / "killed/checkpoints/latest"
    deadline = time.monotonic() + 60
    while not latest.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    mine = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_member(int(pid), process.pid, program)]
    if len(mine) != 4:
        sys.exit(f"FAILED: {len(mine)} processes run instead of 4; mpirun says {process.communicate()[0] if process.poll() is not None else ''}")
    os.kill(mine[2], signal.SIGKILL)
    killed = time.monotonic()
    said = process.communicate(timeout=60)[0]
    if process.returncode == 0 or time.monotonic() - killed > 30:
        sys.exit(f"FAILED: after a kill the others ended with {process.returncode} in {time.monotonic() - killed:.0f} s:\n{said}")
    steps = int(latest.read_text().strip().removeprefix("step-")) + 3
    train(2, [*words("killed"), f"--max-steps={steps}"])
    train(0, [*words("not-killed"), f"--max-steps={steps}", "--slices=16"])
    expected = outcome(folder / "not-killed")
    expect_equal(expected, outcome(folder / "killed"), "a killed and resumed training")


def is_member(pid: int, ancestor: int, program: str) -> bool:
    """Is it a process of the program below `ancestor`?"""
    try:
        if os.readlink(f"/proc/{pid}/exe") != os.path.realpath(program):
            return False
        while pid > 1:
            pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            if pid == ancestor:
                return True
    except (OSError, ValueError):
        pass
    return False


def check_refusals(program: str, texts: pathlib.Path, folder: pathlib.Path) -> None:
    def words(source: pathlib.Path, *more: str) -> list[str]:
        return [program, "train", *task_options("lm", source), *SHAPE, *RHYTHM, f"--output={folder / 'refused'}", *more]
    code, said = run(3, words(texts))
    expect_line(said, ["3 processes do not divide the 16 slices", "--slices", "possible: 1, 2, 4, 8, 16"], "a number that does not divide the slices")
    other = folder / "other"
    other.mkdir()
    shutil.copy(texts / "train.de", other / "train.de")
    with open(other / "train.de", "a", encoding="utf-8") as file:
        file.write("eins\n")
    code, said = run(1, [*words(texts), ":", "-n", "1", *words(other)])
    expect_line(said, ["training text is not the same", "process 0", "process 1", os.uname().nodename], "another corpus")
    code, said = run(1, [*words(texts), ":", "-n", "1", *words(texts, "--lr=0.5")])
    expect_line(said, ["--lr", "0.5", "process 1"], "another option")
    (other / "train.de").unlink()
    code, said = run(1, [*words(texts), ":", "-n", "1", *words(other)])
    expect_line(said, ["process 1", "train.de"], "a missing corpus")
    if code == 0 or (folder / "refused").exists():
        sys.exit("FAILED: a refused training left something behind")


def main() -> None:
    program = os.path.abspath(sys.argv[1])
    if not shutil.which("mpirun"):
        print("SKIPPED: there is no mpirun; install openmpi-bin")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        texts = folder / "texts"
        texts.mkdir()
        write_texts(texts)
        code, said = run(2, [program, "train", "--task=lm", f"--text={texts / 'train.de'}", f"--output={folder / 'first'}", *SHAPE,
                             "--context=16", "--max-steps=1"])
        if "built without MPI" in said:
            expect_line(said, ["libopenmpi-dev"], "a program without MPI")
            print("SKIPPED: the program was built without MPI; install libopenmpi-dev and build it again")
            sys.exit(77)
        check_bits(program, texts, folder)
        check_refusals(program, texts, folder)
        check_kill(program, texts, folder)
        print("done")


if __name__ == "__main__":
    main()
