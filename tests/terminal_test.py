#!/usr/bin/env python3
"""What the program shows on a terminal: it moves within two seconds, follows the width, answers Ctrl-C, and keeps out of what is piped.

    tests/terminal_test.py build/qkv [-k PATTERN]
"""
import fcntl
import itertools
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

PROGRAM = ''
ERASE = b'\r\x1b[J'
ENCODER = pathlib.Path(__file__).resolve().parent / 'goldens/embeddings/mean_normalize'


class OnTerminal:
    """A run of the program whose stderr is a pseudo-terminal; stdin and stdout are as given."""

    def __init__(self, *arguments, columns=80, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        self.master, slave = pty.openpty()
        self.resize(columns)
        self.start = time.monotonic()
        self.process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=stdin, stdout=stdout, stderr=slave, start_new_session=True)
        os.close(slave)
        self.written = b''

    def resize(self, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))

    def read(self, seconds, until=None):
        """What comes within the time, at most until a pattern is there or the program ends."""
        end, begin = time.monotonic() + seconds, len(self.written)
        while time.monotonic() < end:
            if until and re.search(until, self.written[begin:]):
                break
            if not select.select([self.master], [], [], 0.05)[0]:
                continue
            try:
                self.written += os.read(self.master, 65536)
            except OSError:  # the program has ended
                break
        return self.written[begin:]

    def end(self):
        self.read(120)
        code = self.process.wait(timeout=60)
        os.close(self.master)
        return code


class TerminalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='qkv-terminal-'))
        subprocess.run([PROGRAM, 'data', 'numbers', '--count', '3000', '--output', str(cls.folder / 'numbers')], check=True,
                       stderr=subprocess.DEVNULL)
        cls.train = ['train', *[word for option, name in (('source', 'train.en'), ('target', 'train.de'), ('valid-source', 'valid.en'),
                                                          ('valid-target', 'valid.de'))
                                for word in (f'--{option}', cls.folder / 'numbers' / name)], '--preset', 'tiny', '--vocab-size', '120']
        cls.model = cls.folder / 'model'
        subprocess.run([PROGRAM, *map(str, cls.train), '--max-steps', '3', '--output', str(cls.model)], check=True, stderr=subprocess.DEVNULL)
        cls.lines = cls.folder / 'lines'
        cls.lines.write_text((cls.folder / 'numbers/train.en').read_text() * 4)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def test_training_moves_from_the_start_and_ends_on_ctrl_c_with_a_model(self):
        out = self.folder / 'stopped'
        run = OnTerminal(*self.train, '--max-minutes', '5', '--validate-every', '100000', '--output', out)
        self.assertTrue(run.read(2.5), 'nothing on the terminal')
        self.assertRegex(run.read(120, until=rb'step \d+  epoch'), rb'updates fit into the time')
        for name in (b'activations in', b'tokenizer: ', b'training: 3,000 pairs', b'batches of ', b'dropout ', b'learning rate ', b'the same weights without measuring'):
            self.assertRegex(run.written, name)
        run.resize(30)
        run.read(1)
        drawn = run.read(1).split(ERASE)[1:]
        self.assertGreater(len(drawn), 1, 'it does not move')
        for line in drawn[:-1]:
            if b'\n' not in line:  # no message
                self.assertTrue(line.endswith(b'\r') and len(line) <= 30, line)
        os.kill(run.process.pid, signal.SIGINT)
        self.assertRegex(run.read(1, until=rb'stopping when'), ERASE.replace(b'[', rb'\[') + rb'stopping when this step is done')
        self.assertEqual(run.end(), 130)
        checkpoint = re.search(rb'the checkpoint is (\S+/step-\d+)', run.written)
        self.assertTrue(checkpoint, run.written[-500:])
        for model in (out, checkpoint[1].decode()):
            done = subprocess.run([PROGRAM, 'translate', '--model', str(model), '--max-length', '5'], input=b'one\n', stdout=subprocess.PIPE)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(done.stdout.count(b'\n'), 1)

    def test_second_ctrl_c_ends_at_once(self):
        run = OnTerminal(*self.train, '--max-steps', '100000', '--accumulate', '2000', '--output', self.folder / 'twice')
        run.read(60, until=rb'first update')
        os.kill(run.process.pid, signal.SIGINT)
        run.read(5, until=rb'stopping when')
        start = time.monotonic()
        os.kill(run.process.pid, signal.SIGINT)
        self.assertEqual(run.end(), -signal.SIGINT)
        self.assertLess(time.monotonic() - start, 5)

    def test_commands_show_progress_beside_their_results(self):
        numbers = self.folder / 'numbers'
        commands = {
            'embedded ': (['embed', '--model', ENCODER, '--batch-tokens', 32, '--output', self.folder / 'vectors.npy'], self.lines),
            'inspected ': (['tokenizer', 'inspect', '--tokenizer', self.model], self.lines),
            'measuring': (['bench', 'machine'], None),
            'translated ': (['translate', '--model', self.model, '--batch-tokens', 32, '--max-length', 60], self.lines),
            'translat': (['eval', '--model', self.model, '--source', numbers / 'valid.en', '--reference', numbers / 'valid.de', '--max-length', 60,
                          '--batch-tokens', 32], None),
        }
        for (pattern, (arguments, stdin)), columns in itertools.product(commands.items(), (40, 80, 200)):
            with self.subTest(arguments[:2], columns=columns):
                with open(stdin or os.devnull, 'rb') as lines, open(self.folder / 'results', 'wb') as results:
                    run = OnTerminal(*arguments, columns=columns, stdin=lines, stdout=results)
                    shown = run.read(60, until=pattern.encode())
                    self.assertIn(pattern.encode(), shown)
                    run.read(0.7)
                    os.kill(run.process.pid, signal.SIGTERM)
                    run.end()
                for drawn in run.written.split(ERASE):
                    if b'\n' not in drawn:  # no message
                        self.assertLessEqual(len(drawn.rstrip(b'\r')), columns, drawn)
                self.assertNotIn(b'\x1b', (self.folder / 'results').read_bytes())

    def test_nothing_moves_in_a_pipe(self):
        done = subprocess.run([PROGRAM, *map(str, self.train), '--max-steps', '5', '--output', str(self.folder / 'piped')], stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0)
        for byte in (b'\r', b'\x1b'):
            self.assertNotIn(byte, done.stderr)
        with open(self.lines, 'rb') as lines:
            done = subprocess.run([PROGRAM, 'tokenizer', 'encode', '--tokenizer', str(self.model)], stdin=lines, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.stderr, b'')

    def test_short_work_shows_nothing(self):
        run = OnTerminal('inspect', self.model)
        self.assertEqual(run.end(), 0)
        self.assertNotIn(ERASE, run.written)


if __name__ == '__main__':
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
