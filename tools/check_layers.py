#!/usr/bin/env python3
"""Checks that includes point downwards only: docs/architecture.md, "Layout". One line per offence; exit code 1 where there is one.

    tools/check_layers.py               checks this checkout
    tools/check_layers.py --self-test   checks that each rule can fail
"""
import pathlib
import re
import sys
import tempfile

# What each folder of src/ may include besides itself; and whatever those may include.
USES = {
    'base': [],
    'text': ['base'],
    'kernels': ['base'],
    'tensor': ['base', 'kernels'],
    'ops': ['tensor', 'kernels'],
    'autograd': ['tensor', 'ops'],
    'nn': ['ops', 'autograd'],
    'io': ['tensor'],
    'models': ['nn', 'io'],
    'data': ['tensor', 'text'],
    'decode': ['models', 'text'],
    'train': ['models', 'data', 'decode'],
    'serve': ['decode', 'text'],
    'bench': ['train'],
    'lab': ['train', 'bench'],
    'cli': ['lab', 'bench', 'train', 'serve', 'decode', 'data', 'models', 'text'],
}
# Above kernels/ only the table, the plain structs, the number format and the machine's limits are seen.
KERNELS_SEEN = {'kernels/kernel_table.h', 'kernels/params.h', 'kernels/sequence_params.h', 'kernels/view.h', 'kernels/bf16.h', 'kernels/limits.h'}
# The public headers that a folder may include though it lies below the top: error.h is the exception that base/ throws,
# tokenizer.h is implemented by text/ and used by what works on text.
PUBLIC_BELOW = {'qkv/error.h', 'qkv/tokenizer.h'}
PUBLIC_ABOVE = {'bench', 'lab', 'models', 'data', 'decode', 'train', 'serve', 'cli'}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CUDA = re.compile(r'^(cuda|cublas|cub/|cutlass/|cute/|nccl|nvml|curand|cudnn|device_launch)')
SUFFIXES = {'.h', '.cc', '.cu', '.cuh'}


def reachable(folder):
    seen, todo = set(), [folder]
    while todo:
        each = todo.pop()
        if each not in seen:
            seen.add(each)
            todo += USES[each]
    return seen


def includes(path):
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def source_fault(root, name, quote, target):
    """Why `target` may not be included by src/`name`, or None."""
    folder = name.split('/')[0]
    if CUDA.match(target) and not name.startswith('kernels/cuda/'):
        return 'CUDA headers belong below src/kernels/cuda'
    if target.startswith('qkv/'):
        if not (root / 'include' / target).exists():
            return 'there is no such public header'
        if folder not in PUBLIC_ABOVE and target not in PUBLIC_BELOW:
            return f'{folder}/ lies below the public header'
        if target == 'qkv/tokenizer.h' and 'text' not in reachable(folder):
            return f'{folder}/ may not use text/'
        return None
    if quote == '<':
        return None
    if not (root / 'src' / target).exists():
        generated = target.endswith('.pb.h') and (root / 'src' / target.replace('.pb.h', '.proto')).exists()
        if not generated:
            return 'not a path relative to src/'
    other = target.split('/')[0]
    if other not in USES:
        return f'{other}/ is in no layer; add it to tools/check_layers.py'
    if other not in reachable(folder):
        return f'{folder}/ may not use {other}/'
    if other == 'kernels' and folder != 'kernels' and target not in KERNELS_SEEN:
        return 'above kernels/ only kernel_table.h, params.h, sequence_params.h, view.h and bf16.h are seen'
    return None


def public_fault(root, quote, target):
    """Why `target` may not be included by a public header, or None."""
    if target.startswith('qkv/'):
        return None if (root / 'include' / target).exists() else 'there is no such public header'
    if quote == '"' or '/' in target or target.endswith('.h') or target.endswith('.hpp'):
        return 'include/qkv includes only itself and the standard library'
    return None


def example_fault(root, quote, target):
    if quote == '"' and not (target.startswith('qkv/') and (root / 'include' / target).exists()):
        return 'examples include include/qkv only'
    return None


def check(root):
    faults = []

    def files(folder):
        return sorted(p for p in (root / folder).rglob('*') if p.suffix in SUFFIXES) if (root / folder).exists() else []

    for path in files('src'):
        name = path.relative_to(root / 'src').as_posix()
        if path.stem.endswith('_test'):
            continue
        if name.split('/')[0] not in USES:
            faults.append(f'src/{name}: its folder is in no layer; add it to tools/check_layers.py')
            continue
        faults += [f'src/{name}:{number}: includes {target}: {fault}' for number, quote, target in includes(path)
                   if (fault := source_fault(root, name, quote, target))]
    for folder, rule in (('include', public_fault), ('examples', example_fault)):
        for path in files(folder):
            faults += [f'{path.relative_to(root).as_posix()}:{number}: includes {target}: {fault}'
                       for number, quote, target in includes(path) if (fault := rule(root, quote, target))]
    return faults


# Files, and whether a rule forbids the last one.
SELF_TESTS = [
    ('upwards', {'src/ops/a.h': '', 'src/base/b.cc': '#include "ops/a.h"'}, True),
    ('downwards through another folder', {'src/base/a.h': '', 'src/nn/b.cc': '#include "base/a.h"'}, False),
    ('sideways', {'src/text/a.h': '', 'src/io/b.cc': '#include "text/a.h"'}, True),
    ('a test', {'src/train/a.h': '', 'src/base/b_test.cc': '#include "train/a.h"'}, False),
    ('relative to the file', {'src/base/a.h': '', 'src/base/b.cc': '#include "a.h"'}, True),
    ('kernels beyond the table', {'src/kernels/cpu/a.h': '', 'src/ops/b.cc': '#include "kernels/cpu/a.h"'}, True),
    ('the table', {'src/kernels/kernel_table.h': '', 'src/ops/b.cc': '#include "kernels/kernel_table.h"'}, False),
    ('CUDA outside', {'src/ops/b.cc': '#include <cuda_runtime.h>'}, True),
    ('CUDA inside', {'src/kernels/cuda/b.cu': '#include <cuda_runtime.h>'}, False),
    ('public includes private', {'src/base/a.h': '', 'include/qkv/b.h': '#include "base/a.h"'}, True),
    ('public includes a library', {'include/qkv/b.h': '#include <fmt/format.h>'}, True),
    ('public includes the standard library', {'include/qkv/b.h': '#include <string>'}, False),
    ('base throws the public error', {'include/qkv/error.h': '', 'src/base/b.h': '#include "qkv/error.h"'}, False),
    ('below the public API', {'include/qkv/model.h': '', 'src/nn/b.cc': '#include "qkv/model.h"'}, True),
    ('tokenizer without text', {'include/qkv/tokenizer.h': '', 'src/ops/b.cc': '#include "qkv/tokenizer.h"'}, True),
    ('example includes src', {'src/base/a.h': '', 'examples/b.cc': '#include "base/a.h"'}, True),
    ('unknown folder', {'src/misc/b.cc': ''}, True),
]


def self_test():
    failed = 0
    for name, tree, forbidden in SELF_TESTS:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in tree.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text + '\n', encoding='utf-8')
            faults = check(root)
        if bool(faults) != forbidden:
            failed += 1
            print(f'{name}: expected {"a fault" if forbidden else "none"}, got {faults}')
    print(f'{len(SELF_TESTS)} cases, {failed} failed')
    return 1 if failed else 0


def main():
    if sys.argv[1:] == ['--self-test']:
        return self_test()
    faults = check(pathlib.Path(__file__).resolve().parent.parent)
    print('\n'.join(faults) if faults else 'all includes point downwards')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
