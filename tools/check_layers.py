#!/usr/bin/env python3
"""Checks that includes only point downwards according to src/layers.txt. Prints one line per fault; exit code 1 if there is any.

    tools/check_layers.py               checks this checkout
    tools/check_layers.py --self-test   checks that each rule can fail
"""
import pathlib
import re
import sys
import tempfile

def read_layers(root):
    """Reads src/layers.txt: {folder or room: the names after it}."""
    lines = (root / 'src/layers.txt').read_text(encoding='utf-8').splitlines()
    return {name.strip(): uses.split() for name, uses in (line.split(':') for line in lines if line.strip() and not line.startswith('#'))}


# Headers of kernels/ that other folders may include: the table, plain structs, the number format and the machine's limits.
KERNELS_SEEN = {'kernels/kernel_table.h', 'kernels/params.h', 'kernels/sequence_params.h', 'kernels/view.h', 'kernels/bf16.h', 'kernels/limits.h'}
# Public headers that lower folders may include too: errors that base/ throws, the cancellation token and option descriptions that it uses, and
# the classes that text/ and chat/ implement.
PUBLIC_BELOW = {'qkv/export.h', 'qkv/error.h', 'qkv/option_error.h', 'qkv/option_info.h', 'qkv/cancellation.h', 'qkv/tokenizer.h',
                'qkv/tokenizer_trainer.h', 'qkv/tokenizer_statistics.h', 'qkv/attention_kind.h', 'qkv/chat.h'}
PUBLIC_ABOVE = {'bench', 'lab', 'models', 'data', 'decode', 'evaluate', 'view', 'embed', 'predict', 'train', 'api', 'cli'}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CUDA = re.compile(r'^(cuda|cublas|cub/|cutlass/|cute/|nccl|nvml|curand|cudnn|device_launch)')
SUFFIXES = {'.h', '.cc', '.cu', '.cuh'}


def reachable(layers, start):
    seen, todo = set(), [start]
    while todo:
        each = todo.pop()
        if each not in seen:
            seen.add(each)
            todo += layers[each]
    return seen


def room_of(layers, name):
    """The innermost folder of the table that contains the file, or None."""
    parts = name.split('/')[:-1]
    return next((room for size in range(len(parts), 0, -1) if (room := '/'.join(parts[:size])) in layers), None)


def includes(path):
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def source_fault(root, layers, name, quote, target):
    """The reason for which src/`name` may not include `target`, or None."""
    folder = name.split('/')[0]
    if CUDA.match(target) and not name.startswith('kernels/cuda/'):
        return 'CUDA headers belong below src/kernels/cuda'
    if target.startswith('qkv/'):
        if not (root / 'include' / target).exists():
            return 'there is no such public header'
        if folder not in PUBLIC_ABOVE and target not in PUBLIC_BELOW:
            return f'{folder}/ lies below the public header'
        if target == 'qkv/tokenizer.h' and 'text' not in reachable(layers, folder):
            return f'{folder}/ may not use text/'
        return None
    if quote == '<':
        return None
    if not (root / 'src' / target).exists():
        generated = target.endswith('.pb.h') and (root / 'src' / target.replace('.pb.h', '.proto')).exists()
        if not generated:
            return 'not a path relative to src/'
    other = target.split('/')[0]
    if other not in layers:
        return f'{other}/ is in no layer; add it to src/layers.txt'
    if other not in reachable(layers, folder):
        return f'{folder}/ may not use {other}/'
    here, there = room_of(layers, name), room_of(layers, target)
    if folder == other and here != folder and there not in reachable(layers, here):
        return f'{here}/ may not use {there}/'
    if other == 'kernels' and folder != 'kernels' and target not in KERNELS_SEEN:
        return 'above kernels/ only kernel_table.h, params.h, sequence_params.h, view.h and bf16.h are seen'
    return None


def public_fault(root, quote, target):
    """The reason for which a public header may not include `target`, or None."""
    if target.startswith('qkv/'):
        return None if (root / 'include' / target).exists() else 'there is no such public header'
    if quote == '"' or '/' in target or target.endswith('.h') or target.endswith('.hpp'):
        return 'include/qkv includes only itself and the standard library'
    return None


def example_fault(root, quote, target):
    if quote == '"' and not (target.startswith('qkv/') and (root / 'include' / target).exists()):
        return 'examples include include/qkv only'
    return None


MOST_SOURCES = 25  # in one level of a folder, without headers and tests


def crowded(root):
    for folder in sorted(path for path in (root / 'src').rglob('*') if path.is_dir()):
        sources = [path for path in folder.iterdir() if path.suffix in {'.cc', '.cu'} and not path.stem.endswith('_test')]
        if len(sources) > MOST_SOURCES:
            yield f'{folder.relative_to(root).as_posix()}: {len(sources)} sources on one level; {MOST_SOURCES} at most'


MOST_LINES = 400  # of a file
MOST_FUNCTION_LINES = 80  # tables are no functions
OPENS = re.compile(r'\) *(const|noexcept|override|final|QKV_TARGET_ATTRIBUTE| )*(-> .*)?\{$')
NO_FUNCTION = re.compile(r' *(namespace|class|struct|enum|union|extern|for|if|while|switch|else|do|try|catch|case|default|return|[}:/#])')


def functions(lines):
    """(line, length) of each function whose body begins at most two levels deep."""
    for number, line in enumerate(lines):
        if not OPENS.search(line):
            continue
        start = number  # its first line: parameters and initializers of members may take several
        while start > 0 and (lines[start].startswith('     ') or lines[start].lstrip().startswith(':')):
            start -= 1
        head = lines[start:number + 1]
        whole = ''.join(head)
        if not head[0].strip() or NO_FUNCTION.match(head[0]) or whole.count('(') != whole.count(')'):
            continue
        if any(each.endswith(('{', ';')) for each in head[:-1]):
            continue
        closing = re.match(' *', lines[start]).group() + '}'
        end = next((n for n in range(number + 1, len(lines)) if lines[n].startswith(closing)), number)
        yield start + 1, end - start + 1


def long_parts(root, path):
    lines = path.read_text(encoding='utf-8').splitlines()
    name = path.relative_to(root).as_posix()
    if len(lines) > MOST_LINES:
        yield f'{name}: {len(lines)} lines; {MOST_LINES} at most'
    for number, length in functions(lines):
        if length > MOST_FUNCTION_LINES:
            yield f'{name}:{number}: a function of {length} lines; {MOST_FUNCTION_LINES} at most'


def check(root):
    layers = read_layers(root)
    faults = list(crowded(root))

    def files(folder):
        return sorted(p for p in (root / folder).rglob('*') if p.suffix in SUFFIXES) if (root / folder).exists() else []

    for folder in ('src', 'include', 'examples', 'tests'):
        for path in files(folder):
            faults += long_parts(root, path)
    for path in files('src'):
        name = path.relative_to(root / 'src').as_posix()
        if path.stem.endswith('_test'):
            continue
        if name.split('/')[0] not in layers:
            faults.append(f'src/{name}: its folder is in no layer; add it to src/layers.txt')
            continue
        faults += [f'src/{name}:{number}: includes {target}: {fault}' for number, quote, target in includes(path)
                   if (fault := source_fault(root, layers, name, quote, target))]
    for folder, rule in (('include', public_fault), ('examples', example_fault)):
        for path in files(folder):
            faults += [f'{path.relative_to(root).as_posix()}:{number}: includes {target}: {fault}'
                       for number, quote, target in includes(path) if (fault := rule(root, quote, target))]
    return faults


SELF_TEST_LAYERS = """# a comment
base:
text: base
kernels: base
tensor: kernels
ops: tensor
nn: ops
io: tensor
train: nn text
text/low:
text/high: text/low
"""
# Files, and True if a rule forbids the last one.
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
    ('a room upwards', {'src/text/high/a.h': '', 'src/text/low/b.cc': '#include "text/high/a.h"'}, True),
    ('a room downwards', {'src/text/low/a.h': '', 'src/text/high/b.cc': '#include "text/low/a.h"'}, False),
    ('a room that uses what has none', {'src/text/a.h': '', 'src/text/low/b.cc': '#include "text/a.h"'}, True),
    ('what has no room uses a room', {'src/text/high/a.h': '', 'src/text/b.cc': '#include "text/high/a.h"'}, False),
    ('a room of another folder', {'src/text/low/a.h': '', 'src/train/b.cc': '#include "text/low/a.h"'}, False),
    ('a crowded folder', {f'src/text/a{i}.cc': '' for i in range(26)}, True),
    ('a long file', {'src/base/a_test.cc': '\n' * 400}, True),
    ('a file that is long enough', {'src/base/a_test.cc': '\n' * 399}, False),
    ('a long function', {'src/base/a.cc': 'int f(int x) {' + '\n' * 80 + '}'}, True),
    ('a long method', {'src/base/a.cc': 'class A {\n  int f(int x) const {' + '\n' * 80 + '  }\n};'}, True),
    ('a long constructor', {'src/base/a.cc': 'A::A(int a)\n    : a_(a),\n      b_(a) {' + '\n' * 80 + '}'}, True),
    ('a long table', {'src/base/a.cc': 'constexpr int kTable[] = {' + '\n' * 80 + '};'}, False),
    ('unknown folder', {'src/misc/b.cc': ''}, True),
]


def self_test():
    failed = 0
    for name, tree, forbidden in SELF_TESTS:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / 'src').mkdir()
            (root / 'src/layers.txt').write_text(SELF_TEST_LAYERS, encoding='utf-8')
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
    print('\n'.join(faults) if faults else 'all includes point downwards; folders, files and functions are small')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
