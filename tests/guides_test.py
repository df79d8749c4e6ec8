#!/usr/bin/env python3
"""Runs every command of docs/guides as it is written there, with less training and on small files of the kind that the guide asks for.

    tests/guides_test.py build/qkv [--prefix INSTALLED]

The C++ guide is compiled against the installed package, the Python one needs transformers ($QKV_PEERS_PYTHON); both say so if they are skipped.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
GUIDES = ROOT / 'docs/guides'
PROGRAM = PREFIX = None

# In place of minutes of training.
STEPS = '--max-steps 12 --validate-every 6 --warmup-steps 4 --batch-tokens 512'
NETWORK = '--layers 2 --hidden-size 32 --num-attention-heads 4 --ffn-dim 64'


def blocks(guide, language):
    text = (GUIDES / f'{guide}.md').read_text(encoding='utf-8')
    return re.findall(rf'^```{language}\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)


def quicker(script):
    commands = script.replace('\\\n', ' ').splitlines()
    return '\n'.join(re.sub(r'--max-minutes \d+', STEPS if '--init' in line else f'{STEPS} {NETWORK}', line) for line in commands)


class GuidesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='qkv-guides-'))
        cls.environment = {**os.environ, 'PATH': f'{PROGRAM.parent}:{os.environ["PATH"]}'}
        cls.run_in(cls.folder, 'qkv data numbers --from en --to de --count 1500 --seed 1 --output numbers && cp numbers/*.en numbers/*.de . && '
                       'for side in en de; do head -40 numbers/valid.$side > valid.$side; done')  # a model that learnt little writes much
        lines = (cls.folder / 'train.en').read_text(encoding='utf-8').splitlines()
        (cls.folder / 'book.txt').write_text('\n'.join(lines) + '\n', encoding='utf-8')
        for name, part in (('train', lines[:400]), ('dev', lines[400:460])):
            labelled = (f'{line}\t{"long" if len(line) > 40 else "short"}\n' for line in part)
            (cls.folder / f'{name}.tsv').write_text(''.join(labelled), encoding='utf-8')

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared)

    def setUp(self):
        self.folder = self.shared / self.id().rsplit('.', 1)[-1]
        self.folder.mkdir()
        for file in self.shared.iterdir():
            if file.is_file():
                shutil.copy(file, self.folder)

    def run_script(self, script):
        return self.run_in(self.folder, script)

    @classmethod
    def run_in(cls, folder, script):
        done = subprocess.run(['bash', '-euo', 'pipefail', '-c', script], cwd=folder, env=cls.environment, timeout=300,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise AssertionError(f'{script}\nexit code {done.returncode}\n{done.stdout}')
        return done.stdout

    def run_guide(self, guide):
        scripts = blocks(guide, 'sh')
        self.assertTrue(scripts)
        for script in scripts:
            with self.subTest(script=script):
                self.run_script(quicker(script))

    def test_translation(self):
        self.run_guide('translation')
        self.assertIn('</svg>', (self.folder / 'look.svg').read_text(encoding='utf-8'))

    def test_classification(self):
        self.run_guide('classification')
        self.assertEqual(len((self.folder / 'labels.txt').read_text(encoding='utf-8').splitlines()), 60)

    def test_language_model(self):
        self.run_guide('language-model')

    def train(self, name, options):
        self.run_script(quicker(f'qkv train {options} --max-minutes 1 --output {name}'))

    def train_translation(self):
        self.train('my-model', '--task translation --source train.en --target train.de --valid-source valid.en --valid-target valid.de '
                   '--preset tiny --vocab-size 60')

    def test_hugging_face(self):
        self.train_translation()
        self.train('my-gpt', '--task lm --text book.txt --vocabulary char')
        self.run_guide('hugging-face')
        python = os.environ.get('QKV_PEERS_PYTHON', sys.executable)
        if subprocess.run([python, '-c', 'import torch, transformers'], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest(f'{python} has no transformers: the Python part of the Hugging Face guide did not run')
        for script in blocks('hugging-face', 'python'):
            (self.folder / 'guide.py').write_text(script, encoding='utf-8')
            self.run_script(f'{python} guide.py')

    def test_cpp(self):
        if PREFIX is None:
            self.skipTest('without --prefix the C++ guide is not compiled; installed_package_test.py does it')
        self.train_translation()
        (self.folder / 'CMakeLists.txt').write_text(blocks('cpp', 'cmake')[0], encoding='utf-8')
        (self.folder / 'main.cc').write_text(blocks('cpp', 'cpp')[0], encoding='utf-8')
        self.run_script(f'cmake -G Ninja -B mine -D CMAKE_PREFIX_PATH={PREFIX} && cmake --build mine')
        self.assertEqual(len(self.run_script('head -2 valid.en | mine/mine my-model').splitlines()), 2)


if __name__ == '__main__':
    arguments = sys.argv[1:]
    if '--prefix' in arguments:
        at = arguments.index('--prefix')
        PREFIX = pathlib.Path(arguments[at + 1]).resolve()
        del arguments[at:at + 2]
    PROGRAM = pathlib.Path(arguments.pop(0)).resolve()
    unittest.main(argv=[sys.argv[0], *arguments])
