#!/usr/bin/env python3
"""Checks that training which is killed at random moments and resumed gives bits equal to those of uninterrupted training, with 1 and 2 threads.

resume_after_kill_test.py PROGRAM [--kills N] [--seed S]   PROGRAM is the qkv program. Needs only python3's standard library.
"""

import argparse
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

STEPS, SAVE_EVERY, VALIDATE_EVERY = 37, 4, 12  # checkpoints are at different positions of an epoch
ENGLISH = "zero one two three four five six seven eight nine".split()
GERMAN = "null eins zwei drei vier fünf sechs sieben acht neun".split()


def write_texts(folder: pathlib.Path, generator: random.Random) -> None:
    """Writes rows of digits as words in two languages."""
    for part, lines in (("train", 120), ("valid", 6)):
        rows = [[generator.randrange(10) for _ in range(generator.randint(1, 6))] for _ in range(lines)]
        for side, words in (("en", ENGLISH), ("de", GERMAN)):
            (folder / f"{part}.{side}").write_text("".join(" ".join(words[d] for d in row) + "\n" for row in rows), encoding="utf-8")


def command(program: str, task: str, texts: pathlib.Path, output: pathlib.Path, threads: int) -> list[str]:
    shape = "--layers 1 --hidden-size 32 --num-attention-heads 2 --ffn-dim 48 --attention-dropout 0.1 --activation-dropout 0.1"
    recipe = f"--batch-tokens 100 --accumulate 2 --warmup-steps 10 --max-steps {STEPS}"
    rhythm = f"--save-every {SAVE_EVERY} --validate-every {VALIDATE_EVERY} --log-every 5 --keep-checkpoints 2 --threads {threads}"
    if task == "lm":
        data = ["--task", "lm", f"--text={texts / 'train.de'}", "--context", "16", "--dtype", "bf16"]
    else:
        data = [f"--{name}={texts / file}" for name, file in
                (("source", "train.en"), ("target", "train.de"), ("valid-source", "valid.en"), ("valid-target", "valid.de"))]
        data += ["--task", "translation", "--vocab-size", "80", "--max-length", "64"]
    return [program, "train", *data, f"--output={output}", *shape.split(), *recipe.split(), *rhythm.split(), "--resume"]


def run_to_end(program: str, task: str, texts: pathlib.Path, output: pathlib.Path, threads: int) -> None:
    result = subprocess.run(command(program, task, texts, output, threads), stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"FAILED: training ended with {result.returncode}: {result.stderr}")


def outcome(output: pathlib.Path) -> dict[str, bytes | list]:
    """Everything that must not depend on interruptions: weights, optimizer, average, the best model, and the log without times."""
    last = output / "checkpoints" / (output / "checkpoints" / "latest").read_text().strip()
    found = {name: (last / name).read_bytes() for name in ("weights.safetensors", "optimizer.safetensors", "average.safetensors")}
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        found[name] = (output / name).read_bytes()
    log = [json.loads(line) for line in (output / "train_log.jsonl").read_text().splitlines()]
    found["train_log.jsonl"] = [{k: v for k, v in line.items() if "second" not in k} for line in log]
    leftovers = [p.name for p in output.rglob("*") if ".tmp" in p.name or ".removed" in p.name or ".replaced" in p.name]
    found["left-over files"] = leftovers
    return found


def compare(expected: dict, actual: dict, what: str) -> None:
    for name, value in expected.items():
        if actual[name] != value:
            sys.exit(f"FAILED: {name} of {what} differs from an uninterrupted training's")


def wait_for_moment(process: subprocess.Popen, checkpoints: pathlib.Path, whole: float, generator: random.Random) -> None:
    """Returns after a random time, or in two of five cases while a checkpoint is being written; earlier if the process ends."""
    deadline = time.monotonic() + generator.uniform(0, whole)
    hunting = generator.random() < 0.4
    while process.poll() is None and time.monotonic() < deadline:
        if hunting and checkpoints.is_dir() and any(name.startswith(".step-") for name in os.listdir(checkpoints)):
            time.sleep(generator.uniform(0, 0.004))
            return
        time.sleep(0.0005)


def kill_and_resume(program: str, task: str, wanted: int, generator: random.Random) -> None:
    """Kills trainings of a task `wanted` times and compares each completed one."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="qkv-kill-"))
    try:
        write_texts(root, random.Random(3))
        start = time.monotonic()
        run_to_end(program, task, root, root / "whole1", 1)
        whole = time.monotonic() - start
        run_to_end(program, task, root, root / "whole2", 2)
        expected = outcome(root / "whole1")
        compare(expected, outcome(root / "whole2"), "a training with 2 threads")

        kills, chain, during_save = 0, 0, 0
        while kills < wanted:
            output = root / f"killed{chain}"
            process = subprocess.Popen(command(program, task, root, output, generator.choice([1, 2])), stderr=subprocess.DEVNULL)
            wait_for_moment(process, output / "checkpoints", whole, generator)
            process.send_signal(signal.SIGKILL)
            if process.wait() == -signal.SIGKILL:
                kills += 1
                checkpoints = output / "checkpoints"
                during_save += checkpoints.is_dir() and any(name.startswith(".step-") for name in os.listdir(checkpoints))
            elif process.returncode != 0:
                sys.exit(f"FAILED: a resumed training ended with {process.returncode}")
            else:
                compare(expected, outcome(output), f"training {chain}, killed and resumed")
                chain += 1
        run_to_end(program, task, root, root / f"killed{chain}", 2)
        compare(expected, outcome(root / f"killed{chain}"), f"training {chain}, killed and resumed")
        print(f"{task}: {kills} kills ({during_save} while a checkpoint was written) in {chain + 1} trainings of {whole:.1f} s: all bits equal")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    options = arguments.parse_args()
    print(f"seed {options.seed}", flush=True)
    generator = random.Random(options.seed)
    kill_and_resume(options.program, "translation", (options.kills + 1) // 2, generator)
    kill_and_resume(options.program, "lm", options.kills // 2, generator)
    return 0


if __name__ == "__main__":
    sys.exit(main())
