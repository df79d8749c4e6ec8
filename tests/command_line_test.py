#!/usr/bin/env python3
"""Runs the program like a user, on a tiny corpus: checks the output of each command and the response to each kind of bad input.

    tests/command_line_test.py build/qkv [-k PATTERN]
"""
import gzip
import json
import lzma
import math
import os
import pathlib
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ''
COMMANDS = ['train', 'translate', 'generate', 'chat', 'classify', 'choose', 'tag', 'answer', 'fill-mask', 'embed', 'eval', 'score', 'tokenizer', 'attention',
            'inspect', 'convert', 'data', 'bench', 'lab']


def run(*arguments, stdin=b'', limit_file_bytes=None, limit_memory=None, **options):
    """Runs the program. limit_file_bytes limits the size of files, to simulate a full disk; limit_memory limits the address space."""
    def limit():
        if limit_file_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_file_bytes, limit_file_bytes))
        if limit_memory:
            resource.setrlimit(resource.RLIMIT_AS, (limit_memory, limit_memory))

    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, timeout=300,
                          stdout=options.pop('stdout', subprocess.PIPE), stderr=subprocess.PIPE,
                          preexec_fn=limit if limit_file_bytes or limit_memory else None, **options)
    done.stderr = done.stderr.decode()
    if done.stdout is not None:
        done.stdout = done.stdout.decode()
    return done


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def tree(folder):
    """The contents of all files below a folder, by name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob('*')) if p.is_file()}


class ProgramTest(unittest.TestCase):
    """Provides a folder for all tests of a class, a folder for each test, and checks of a run of the program."""
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix='qkv-command-line-'))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared, ignore_errors=True)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='case-', dir=self.shared))

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def works(self, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def refused(self, codes, mentions, *arguments, **options):
        """Expects a single error line on stderr that contains the given words, the exit code, and no output on stdout."""
        done = run(*arguments, **options)
        codes = codes if isinstance(codes, tuple) else (codes,)
        self.assertIn(done.returncode, codes, f'{arguments}\n{done.stderr}')
        lines = done.stderr.splitlines()
        self.assertEqual([line for line in lines if line.startswith('error: ')], lines[-1:], done.stderr)
        for word in mentions:
            self.assertIn(str(word), lines[-1])
        if done.stdout is not None:
            self.assertEqual(done.stdout, '')
        return lines[-1]


class CommandLine(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        done = run('data', 'numbers', '--from', 'en', '--to', 'de', '--count', 300, '--seed', 1, '--output', cls.shared / 'numbers')
        assert done.returncode == 0, done.stderr
        cls.train_options = ['--task', 'translation', '--source', cls.shared / 'numbers/train.en', '--target', cls.shared / 'numbers/train.de',
                             '--valid-source', cls.shared / 'short.en', '--valid-target', cls.shared / 'short.de',
                             '--preset', 'tiny', '--vocab-size', '120', '--seed', '1']
        for language in ('en', 'de'):
            lines = (cls.shared / f'numbers/valid.{language}').read_text().splitlines(keepends=True)
            write(cls.shared / f'short.{language}', ''.join(lines[:8]))
        cls.model = cls.shared / 'model'
        done = run('train', *cls.train_options, '--max-steps', 3, '--output', cls.model)
        assert done.returncode == 0, done.stderr

    def test_short_memory_is_one_line(self):
        ends = set()
        for mib in (64, 80, 96, 128, 192, 256):
            done = run('translate', '--model', self.model, stdin=b'nine\n', limit_memory=mib << 20)
            ends.add(done.returncode)
            if done.returncode == 1:
                self.assertEqual(done.stderr.count('\n'), 1, done.stderr)
                self.assertIn('memory', done.stderr)
        self.assertLessEqual(ends, {0, 1, 127}, 'by a signal')  # 127: the shared libraries do not fit

    def train(self, **replaced):
        """The arguments of a short training with some options replaced: train(source=PATH); None removes an option."""
        options = list(self.train_options) + ['--max-steps', '2', '--output', self.folder / 'out']
        for name, value in replaced.items():
            option = '--' + name.replace('_', '-')
            if option in options:
                at = options.index(option)
                options[at:at + 2] = []
            if value is not None:
                options += [option, value]
        return ['train', *options]

    def damaged_model(self, name, change):
        """A copy of the model with one file changed."""
        copy = self.folder / 'model'
        shutil.copytree(self.model, copy, ignore=shutil.ignore_patterns('checkpoints'))
        write(copy / name, change((copy / name).read_bytes()))
        return copy

    # The program as a whole

    def test_version_begins_with_its_number(self):
        self.assertRegex(self.works('--version').stdout.splitlines()[0], r'^qkv \d+\.\d+\.\d+$')

    def test_help_lists_every_command(self):
        text = self.works('--help').stdout
        for command in COMMANDS:
            self.assertRegex(text, rf'(?m)^\s+{command}\b')

    def test_each_command_has_help(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                text = self.works(command, '--help').stdout
                self.assertIn('--help', text)

    def test_mistyped_command_suggests_the_right_one(self):
        self.refused(2, ['trian', 'did you mean train'], 'trian')
        self.refused(2, ['frobnicate', 'translate', 'eval'], 'frobnicate')

    def test_mistyped_option_suggests_the_right_one(self):
        self.refused(2, ['--vocab-sise', 'did you mean --vocab-size'], *self.train(vocab_sise='10'))
        self.refused(2, ['--ouput', 'did you mean --output'], *self.train(output=None, ouput='x'))

    def test_options_of_other_programs_and_parts_of_ours_are_understood(self):
        for option, right in (('--learning-rate', '--lr'), ('--batch-size', '--batch-tokens'), ('--epochs', '--max-epochs'), ('--src', '--source'),
                              ('--warmup', '--warmup-steps'), ('--heads', '--num-attention-heads'), ('--eval-steps', '--validate-every')):
            with self.subTest(option=option):
                self.refused(2, [option, f'did you mean {right}?'], *self.train(), option, 1)
        self.refused(2, ['did you mean --temperature?'], 'generate', '--model', self.model, '--temp', 1)
        self.refused(2, ['did you mean --beam-size?'], 'translate', '--model', self.model, '--beam', 1)

    def test_numbers_out_of_range_say_what_would_be_right(self):
        for command, option, value, message in (
                ('generate', '--seed', -1, '--seed: -1 is too small; it must be at least 0'),
                ('generate', '--max-new-tokens', 0, '--max-new-tokens: 0 is too small; it must be at least 1'),
                ('generate', '--temperature', -1, '--temperature: -1 is too small; it must be at least 0'),
                ('generate', '--temperature', 'inf', '--temperature: "inf" is not a finite number'),
                ('generate', '--temperature', 'nan', '--temperature: "nan" is not a number'),
                ('generate', '--top-k', '1e3', '--top-k: "1e3" is not a whole number'),
                ('generate', '--num-samples', 'four', '--num-samples: "four" is not a whole number'),
                ('eval', '--context', 0, '--context: 0 is too small; it must be at least 1'),
                ('generate', '--top-p', '', '--top-p: "" is not a number'),
                ('generate', '--top-p', 'nan', '--top-p: "nan" is not a number'),
                ('generate', '--top-p', '5x', '--top-p: "5x" is not a number'),
                ('generate', '--num-samples', 2**64, f'--num-samples: {2**64} is too large; it must be at most {2**63 - 1}'),
                ('translate', '--max-length', 2**31, f'--max-length: {2**31} is too large; it must be at most {2**31 - 1}'),
                ('translate', '--max-length-factor', '', '--max-length-factor: "" is not a number'),
                ('translate', '--max-length-factor', '1e400', '--max-length-factor: 1e400 is out of the range of numbers'),
                ('attention', '--layer', '', '--layer: "" is not a whole number'),
                ('attention', '--head', '0x1', '--head: "0x1" is not a whole number'),
                ('translate', '--beam-size', 'four', '--beam-size: "four" is not a whole number'),
                ('translate', '--beam-size', 1001, '--beam-size: 1001 is too large; it must be at most 1000'),
                ('translate', '--beam-size', 10**30, f'--beam-size: {10**30} is too large; it must be at most 1000')):
            with self.subTest(option=option, value=value):
                self.assertLess(len(self.refused(2, [message], command, '--model', self.model, option, value)), 140)

        for option, value in (('--min-frequency', -1), ('--min-frequency', ''), ('--character-coverage', ''), ('--character-coverage', 'inf')):
            with self.subTest(option=option, value=value):
                self.refused(2, [f'{option}: '], 'tokenizer', 'train', '--output', self.folder / 'out', self.shared / 'short.en', option, value)

    def test_threads_are_read_strictly_and_alike(self):
        short = self.shared / 'short.de'
        commands = (['eval', '--hypothesis', short, '--reference', short], ['tokenizer', 'encode', '--tokenizer', self.model, short], self.train())
        for command in commands:
            for wrong in ('1e3', 'abc', '-1', '99999999999', '2x', '0x2'):
                with self.subTest(command=command[0], threads=wrong):
                    self.refused(2, ['QKV_THREADS', wrong], *command, env={**os.environ, 'QKV_THREADS': wrong})
                    self.refused(2, ['--threads', wrong], *command, '--threads', wrong)
            self.works(*command, '--threads', 0, env={**os.environ, 'QKV_THREADS': '2'})
        self.works('--help', env={**os.environ, 'QKV_THREADS': 'abc'})

    def test_value_of_the_wrong_kind_names_the_option(self):
        self.refused(2, ['--beam-size'], 'translate', '--model', self.model, '--beam-size', 'many')
        self.refused(2, ['--beam-size'], 'translate', '--model', self.model, '--beam-size', '0')
        self.refused(2, ['--preset'], *self.train(preset='huge'))
        self.refused(2, ['--dtype'], *self.train(dtype='f8'))
        self.refused(2, ['--task'], *self.train(task='juggling'))

    # Invalid files

    def test_missing_files_are_named(self):
        nowhere = self.folder / 'nowhere'
        self.refused((1, 2), [nowhere], *self.train(source=nowhere))
        self.refused((1, 2), [nowhere], *self.train(valid_target=nowhere))
        self.refused((1, 2), [nowhere], 'translate', '--model', nowhere)
        self.refused((1, 2), [nowhere], 'eval', '--hypothesis', nowhere, '--reference', nowhere)
        self.refused((1, 2), [nowhere], 'eval', '--model', self.model, '--source', nowhere, '--reference', nowhere)
        self.refused((1, 2), [nowhere], 'inspect', nowhere)
        self.refused((1, 2), [nowhere], 'tokenizer', 'train', '--model', 'bpe', '--vocab-size', 100, '--output', self.folder / 'out', nowhere)
        self.refused((1, 2), [nowhere], 'tokenizer', 'encode', '--tokenizer', nowhere)
        self.refused((1, 2), [nowhere], *self.train(tokenizer=nowhere, vocab_size=None))
        self.refused((1, 2), [nowhere], *self.train(config=nowhere))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_unreadable_file_is_named(self):
        path = write(self.folder / 'secret', 'eins\n')
        path.chmod(0)
        for folder in (self.shared, self.folder):
            folder.chmod(0o755)
        as_somebody = {'user': 65534} if os.geteuid() == 0 else {}  # root can read everything
        try:
            self.refused((1, 2), [path], 'eval', '--hypothesis', path, '--reference', path, **as_somebody)
        except PermissionError:
            self.skipTest('the program cannot be run by another user than root here')

    def test_folder_instead_of_a_file_is_named(self):
        self.refused((1, 2), [self.folder], *self.train(source=self.folder))

    def test_pipe_or_device_instead_of_a_file_is_refused_at_once(self):
        model = self.damaged_model('config.json', lambda content: content)
        for name in ('generation_config.json', 'config.json', 'model.safetensors', 'tokenizer.json'):
            for place in ('/dev/zero', 'pipe'):
                with self.subTest(name=name, place=place):
                    kept = (model / name).read_bytes()
                    (model / name).unlink()
                    (model / name).symlink_to(place) if place == '/dev/zero' else os.mkfifo(model / name)
                    self.refused((1, 2), [name], 'translate', '--model', model, stdin=b'one\n')
                    (model / name).unlink()
                    (model / name).write_bytes(kept)
        self.refused((1, 2), ['/dev/zero', 'device'], 'eval', '--hypothesis', '/dev/zero', '--reference', self.shared / 'short.de')
        self.refused((1, 2), ['/dev/zero'], *self.train(source='/dev/zero'))

    def test_lines_that_are_no_text_are_refused_from_stdin_too(self):
        short = (self.shared / 'short.en').read_text()
        generate = ['generate', '--model', self.language_model(), '--prompt', '-']
        commands = (['translate', '--model', self.model], generate,
                    ['tokenizer', 'encode', '--tokenizer', self.model], ['tokenizer', 'encode', '--whole', '--tokenizer', self.model],
                    ['tokenizer', 'inspect', '--tokenizer', self.model], ['tokenizer', 'compare', self.model])
        for content, word in ((short.encode('utf-16'), 'UTF-16'), (short.encode('utf-16-be'), 'UTF-16'), (short.encode('utf-32-le'), 'UTF-32'),
                              (lzma.compress(short.encode()), 'unxz')):
            file = write(self.folder / 'other', content)
            for command in commands:
                with self.subTest(command=command, word=word):
                    self.refused(1, ['standard input', word], *command, stdin=content)
                    if command[1] in ('encode', 'inspect'):
                        self.refused(1, [file, word], *command, file)
            self.refused(1, [file, word], 'tokenizer', 'compare', self.model, '--text', file)
            self.refused(1, [file, word], *self.train(config=file))
        self.refused(1, ['carriage return'], 'translate', '--model', self.model, stdin=short.replace('\n', '\r').encode())
        self.refused(1, ['device'], 'tokenizer', 'encode', '--whole', '--tokenizer', self.model, '/dev/zero')
        with open('/dev/zero', 'rb') as zeros:
            done = subprocess.run([PROGRAM, *map(str, generate)], stdin=zeros, capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr.count(b'\n')), (1, 1), done.stderr)
        self.assertTrue(self.works('tokenizer', 'encode', '--tokenizer', self.model, '/proc/self/status').stdout)

    def test_standard_streams_may_be_closed(self):
        def shut(*arguments, streams):
            return subprocess.run(['/bin/bash', '-c', f'exec "$0" "$@" {streams}', PROGRAM, *map(str, arguments)], capture_output=True, timeout=60)

        output = self.folder / 'translations'
        done = shut('eval', '--model', self.model, '--source', self.shared / 'short.en', '--reference', self.shared / 'short.de', '--max-length', 5,
                    '--output', output, '--quiet', streams='>&- 2>&-')
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(output.read_text().splitlines()), 8)
        self.assertNotIn('BLEU', output.read_text())
        for streams in ('<&-', '<&- >&-', '<&- >&- 2>&-', '2>&-'):
            with self.subTest(streams=streams):
                done = shut(*self.train(output=self.folder / 'out'), '--overwrite', '--log-every', 1, streams=streams)
                self.assertEqual(done.returncode, 0, done.stderr)
                for line in (self.folder / 'out/train_log.jsonl').read_text().splitlines():
                    json.loads(line)
        done = shut('translate', '--model', self.model, streams='<&-')
        self.assertEqual((done.returncode, done.stderr), (1, b'error: cannot read standard input: Bad file descriptor\n'))

    def test_input_may_be_a_pipe(self):
        short = self.shared / 'short.de'
        done = subprocess.run(f'"{PROGRAM}" eval --hypothesis <(cat "{short}") --reference "{short}" --json', shell=True, executable='/bin/bash',
                              capture_output=True, timeout=60)
        self.assertEqual(json.loads(done.stdout)['exact_match'], 100, done.stderr)

    def test_packed_texts_are_read_as_their_content(self):
        short = self.shared / 'short.en'
        packed = write(self.folder / 'short', gzip.compress(short.read_bytes()))
        for command in (['tokenizer', 'encode', '--tokenizer', self.model], ['tokenizer', 'encode', '--whole', '--tokenizer', self.model]):
            with self.subTest(command=command):
                plain = self.works(*command, short).stdout
                self.assertEqual(self.works(*command, packed).stdout, plain)
                self.assertEqual(self.works(*command, stdin=packed.read_bytes()).stdout, plain)
        self.assertEqual(self.works('translate', '--model', self.model, stdin=packed.read_bytes()).stdout,
                         self.works('translate', '--model', self.model, stdin=short.read_bytes()).stdout)
        self.assertIn('100.00 %', self.works('eval', '--hypothesis', packed, '--reference', short).stdout)
        self.refused(1, ['standard input was cut'], 'translate', '--model', self.model, stdin=packed.read_bytes()[:-5])
        self.refused(1, [packed.name, 'damaged'], 'tokenizer', 'encode', '--tokenizer', self.model,
                     write(self.folder / 'short', packed.read_bytes() + b'more'))

    def test_training_texts_may_be_several_files_and_pipes(self):
        numbers = self.shared / 'numbers'
        lines = (numbers / 'train.en').read_bytes().splitlines(keepends=True)
        parts = [write(self.folder / 'a.en', b''.join(lines[:100]).rstrip()), write(self.folder / 'b.en', gzip.compress(b''.join(lines[100:])))]
        self.works(*self.train(output=self.folder / 'plain'))
        command = ' '.join(f"'{part}'" for part in [PROGRAM, *self.train(source=parts[0], output=self.folder / 'several')])
        for name, source in (('several', f"--source '{parts[1]}'"), ('piped', '')):
            with self.subTest(name):
                whole = command.replace('several', name)
                if name == 'piped':
                    whole = whole.replace(f"'{parts[0]}'", f"<(cat '{numbers}/train.en')")
                done = subprocess.run(f'{whole} {source}', shell=True, executable='/bin/bash', capture_output=True, timeout=300)
                self.assertEqual(done.returncode, 0, done.stderr.decode())
                self.assertEqual((self.folder / name / 'model.safetensors').read_bytes(), (self.folder / 'plain/model.safetensors').read_bytes())
        self.assertEqual((self.folder / 'piped/cache/source.text').read_bytes(), (numbers / 'train.en').read_bytes())
        self.assertFalse((self.folder / 'several/cache').exists())
        self.works('train', '--resume', '--output', self.folder / 'piped', '--max-steps', 3)  # the pipe of that name is gone
        done = run(*self.train(source='/dev/null', output=self.folder / 'piped', max_steps='4'), '--resume')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('going on with what was kept', done.stderr)

    def test_file_that_becomes_shorter_while_it_is_read_is_named(self):
        corpus = write(self.folder / 'corpus.en', 'one two three\n' * 3_000_000)
        process = subprocess.Popen([PROGRAM, 'tokenizer', 'train', '--model', 'unigram', '--vocab-size', '20', '--threads', '1', '--output',
                                    self.folder / 'out', corpus], stderr=subprocess.PIPE)
        try:
            maps = pathlib.Path(f'/proc/{process.pid}/maps')
            deadline = time.monotonic() + 60
            while str(corpus) not in maps.read_text() and time.monotonic() < deadline:
                pass
            os.truncate(corpus, 5000)
            _, errors = process.communicate(timeout=120)
        finally:
            process.kill()
        self.assertEqual(process.returncode, 1, errors.decode())
        self.assertIn(f'error: {corpus} became shorter', errors.decode().splitlines()[-1])
        self.assertFalse((self.folder / 'out').exists())

    def test_training_files_that_are_no_text_are_named(self):
        lines = (self.shared / 'numbers/train.en').read_text()
        cases = {'utf16': (lines.encode('utf-16'), 'UTF-16'), 'utf16le': (lines.encode('utf-16-le'), 'UTF-16'),
                 'gz': (b'\x1f\x8b\x08' + lines.encode(), 'damaged'), 'cut.gz': (gzip.compress(lines.encode())[:-9], 'was cut'),
                 'tar.gz': (gzip.compress(bytes(257) + b'ustar'), 'tar'), 'mac': (lines.replace('\n', '\r').encode(), 'carriage return')}
        for name, (content, word) in cases.items():
            path = write(self.folder / name, content)
            with self.subTest(name):
                self.refused(1, [path, word], *self.train(source=path))
                self.refused(1, [path, word], *self.train(valid_target=path))
                self.refused(1, [path, word], 'tokenizer', 'train', '--model', 'bpe', '--vocab-size', 100, '--output', self.folder / 'out', path)
                self.refused(1, [path, word], 'eval', '--hypothesis', path, '--reference', self.shared / 'short.de')
        self.assertFalse((self.folder / 'out').exists())

    def test_byte_order_mark_changes_nothing(self):
        marked = {}
        for name in ('source', 'target', 'valid_source', 'valid_target'):
            plain = pathlib.Path(self.train_options[self.train_options.index('--' + name.replace('_', '-')) + 1])
            marked[name] = write(self.folder / name, b'\xef\xbb\xbf' + plain.read_bytes())
        self.works(*self.train(max_steps='3', threads='1', **marked))
        for name in ('tokenizer.json', 'model.safetensors'):
            self.assertEqual((self.folder / 'out' / name).read_bytes(), (self.model / name).read_bytes())
        short = (self.shared / 'short.en').read_bytes()
        translations = self.works('translate', '--model', self.model, stdin=short).stdout
        self.assertEqual(self.works('translate', '--model', self.model, stdin=b'\xef\xbb\xbf' + short).stdout, translations)
        file = write(self.folder / 'marked.en', b'\xef\xbb\xbf' + short)
        for command in (['tokenizer', 'encode', '--tokenizer', self.model], ['tokenizer', 'encode', '--whole', '--tokenizer', self.model]):
            self.assertEqual(self.works(*command, file).stdout, self.works(*command, self.shared / 'short.en').stdout)

    def test_file_written_over_keeps_its_permissions(self):
        short, private = self.shared / 'short.en', write(self.folder / 'private', 'old')
        private.chmod(0o600)
        self.works('eval', '--model', self.model, '--source', short, '--reference', self.shared / 'short.de', '--output', private)
        self.assertEqual(private.stat().st_mode & 0o777, 0o600)
        self.works('attention', '--model', self.model, '--source', 'one', '--output', write(self.folder / 'map.svg', ''))
        (self.folder / 'map.svg').chmod(0o640)
        self.works('attention', '--model', self.model, '--source', 'one', '--output', self.folder / 'map.svg')
        self.assertEqual((self.folder / 'map.svg').stat().st_mode & 0o777, 0o640)

    def test_what_replaces_private_files_is_private(self):
        self.works(*self.train())
        model = self.folder / 'out'
        for path in [model, *model.rglob('*')]:
            path.chmod(0o700 if path.is_dir() else 0o600)
        self.works(*self.train(), '--overwrite')
        self.assertEqual({path.stat().st_mode & 0o077 for path in model.rglob('*')}, {0})
        numbers = self.folder / 'numbers'
        make = ['data', 'numbers', '--count', 100, '--output', numbers]
        self.works(*make)
        for path in numbers.iterdir():
            path.chmod(0o600)
        (numbers / 'test.de').rename(self.folder / 'elsewhere')
        (numbers / 'test.de').symlink_to('../elsewhere')
        self.works(*make, '--overwrite')
        self.assertEqual({path.stat().st_mode & 0o777 for path in numbers.iterdir()}, {0o600})
        self.assertTrue((numbers / 'test.de').is_symlink())

    def test_empty_directory_is_filled_and_left_empty_by_what_fails(self):
        empty = self.folder / 'empty'
        empty.mkdir()
        train = ['tokenizer', 'train', '--vocab-size', 60, '--output', empty, self.shared / 'numbers/train.en']
        self.refused(1, ['tokenizer.json'], *train, limit_file_bytes=1000)
        self.assertEqual(list(empty.iterdir()), [])
        empty.rmdir()
        self.refused(1, ['tokenizer.json'], *train, limit_file_bytes=1000)
        self.assertFalse(empty.exists())
        empty.mkdir()
        self.works(*train)
        self.refused(2, [empty, '--overwrite'], *train)
        shutil.rmtree(empty)
        empty.mkdir()
        self.works('data', 'numbers', '--count', 100, '--output', empty)
        self.assertEqual(len(list(empty.iterdir())), 6)

    def test_temporary_directory_that_is_not_there_is_named(self):
        line = self.refused(1, ['TMPDIR', self.folder / 'nowhere'], 'eval', '--model', self.language_model(), '--text', self.shared / 'short.en',
                            env={**os.environ, 'TMPDIR': str(self.folder / 'nowhere')})
        self.assertNotIn('filesystem', line)

    def language_model(self):
        out = self.folder / 'lm'
        self.works('train', '--task', 'lm', '--text', self.shared / 'numbers/train.en', '--layers', 1, '--hidden-size', 16, '--num-attention-heads', 1,
                   '--ffn-dim', 16, '--context', 16, '--batch-tokens', 64, '--max-steps', 2, '--output', out)
        return out

    def test_unequal_numbers_of_lines_give_both(self):
        short = write(self.folder / 'short.de', 'eins\nzwei\n')
        count = len((self.shared / 'numbers/train.en').read_text().splitlines())
        line = self.refused(1, [short], *self.train(target=short))
        self.assertRegex(line.replace(',', ''), rf'\b{count}\b')
        self.assertRegex(line, r'\b2\b')
        self.assertFalse((self.folder / 'out').exists())
        self.refused(1, [short], 'eval', '--hypothesis', short, '--reference', self.shared / 'short.de')

    def test_invalid_utf8_is_refused_in_training_with_its_line(self):
        content = (self.shared / 'numbers/train.de').read_bytes().splitlines(keepends=True)
        content[41] = b'zwei\xffundvierzig\n'
        bad = write(self.folder / 'bad.de', b''.join(content))
        line = self.refused(1, [bad, 'UTF-8'], *self.train(target=bad))
        self.assertRegex(line, r'\b42\b')
        self.assertFalse((self.folder / 'out').exists())

    def test_invalid_utf8_is_replaced_in_translate_with_a_warning(self):
        done = self.works('translate', '--model', self.model, stdin=b'one\xff\ntwo\n')
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertIn('warning', done.stderr)
        self.assertIn('UTF-8', done.stderr)

    def test_empty_corpus_is_refused(self):
        empty = write(self.folder / 'empty', '')
        self.refused((1, 2), [empty], *self.train(source=empty, target=empty))
        blank = write(self.folder / 'blank', '\n\n\n')
        self.refused((1, 2), [], *self.train(source=blank, target=blank))
        self.refused((1, 2), [empty], 'tokenizer', 'train', '--model', 'bpe', '--vocab-size', 100, '--output', self.folder / 'out', empty)
        self.assertFalse((self.folder / 'out').exists())

    def test_vocabulary_that_the_data_cannot_fill_is_refused(self):
        line = self.refused((1, 2), ['vocab'], *self.train(vocab_size='50000'))
        self.assertIn('50000', line.replace(',', ''))
        self.assertFalse((self.folder / 'out').exists())
        self.refused((1, 2), ['vocab'], 'tokenizer', 'train', '--model', 'bpe', '--vocab-size', 50000, '--output', self.folder / 'out',
                     self.shared / 'numbers/train.de')
        self.assertFalse((self.folder / 'out').exists())

    def test_vocabulary_by_default_is_what_the_data_fills(self):
        text = write(self.folder / 'text', 'ab ab ab\nabc abc\n')
        done = self.works('tokenizer', 'train', '--output', self.folder / 'out', text)
        self.assertIn('a tokenizer of 10 tokens', done.stderr)
        for model in ('char', 'byte'):
            self.refused(2, ['--vocab-size', f'--model {model}'], 'tokenizer', 'train', '--model', model, '--vocab-size', 20, '--output',
                         self.folder / 'new', text)
        self.refused(2, ['--score', '--model bpe'], 'tokenizer', 'train', '--score', 'gain', '--output', self.folder / 'new', text)

    def test_bench_machine_says_what_the_machine_can_do(self):
        done = run('bench', 'machine', '--json')
        self.assertEqual(done.returncode, 0, done.stderr)
        limits = json.loads(done.stdout)
        self.assertEqual(limits['bench'], 'machine')
        for name in ['threads', 'f32_gflops', 'memory_read_gib_s', 'cache_read_gib_s']:
            self.assertGreater(limits[name], 0, name)
        self.assertGreaterEqual(limits['bf16_gflops'], 0)
        self.assertGreaterEqual(limits['bf16_gflops_of_numbers'], 0)

    def test_bench_tokenizer_has_the_fields_of_the_peers_script(self):
        data = os.environ.get('QKV_DATA')
        if not data or not os.path.isdir(os.path.join(data, 'multi30k')):
            self.skipTest('no data in $QKV_DATA')
        done = run('bench', 'tokenizer', '--works', 'train BPE 8k,wordpiece 8k encode lines', '--threads', '1', '--data', data, '--json')
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(line['bench'], line['threads'], line['what']) for line in lines],
                         [('tokenizer', 1, 'train BPE 8k'), ('tokenizer', 1, 'wordpiece 8k encode lines')])
        self.assertGreater(lines[0]['s'], 0)
        self.assertGreater(lines[1]['mb_s'], 0)
        self.refused((1, 2), ['nothing'], 'bench', 'tokenizer', '--data', self.folder / 'nothing')

    def test_vocabulary_too_small_for_the_characters_is_refused(self):
        self.refused((1, 2), ['vocab'], *self.train(vocab_size='5'))
        self.assertFalse((self.folder / 'out').exists())

    def test_existing_output_directory_is_left_alone(self):
        out = self.folder / 'out'
        write(out / 'letter.txt', 'dear')
        self.refused((1, 2), [out, '--overwrite'], *self.train())
        self.assertEqual(tree(out), {'letter.txt': b'dear'})
        (self.folder / 'empty').mkdir()
        self.works(*self.train(output='.'), cwd=self.folder / 'empty')
        self.works('inspect', self.folder / 'empty')
        before = tree(self.model)
        self.refused((1, 2), [self.model, '--resume', '--overwrite'], *self.train(output=self.model))
        self.assertEqual(tree(self.model), before)

    def test_output_that_cannot_be_written_is_told_at_once(self):
        closed = self.folder / 'closed'
        closed.mkdir(mode=0o555)
        for folder in (self.shared, self.folder, self.shared / 'numbers'):
            folder.chmod(0o755)
        as_somebody = {'user': 65534} if os.geteuid() == 0 else {}  # root can write everywhere
        for output in (closed, closed / 'a/b'):
            try:
                done = run(*self.train(output=output), **as_somebody)
            except PermissionError:
                self.skipTest('the program cannot be run by another user than root here')
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
            self.assertIn(f'cannot write to {closed}: Permission denied', done.stderr)
        test = [self.shared / 'numbers/test.en', self.shared / 'numbers/test.de']
        for command in (['eval', '--model', self.model, '--source', test[0], '--reference', test[1], '--output', closed / 'out'],
                        ['attention', '--model', self.model, '--source', 'one', '--output', closed / 'a.svg'],
                        ['tokenizer', 'train', '--vocab-size', 100_000, '--output', closed / 'out', test[0]],
                        ['data', 'numbers', '--output', closed / 'out'],
                        ['lab', 'run', '--output', closed / 'out']):
            with self.subTest(command=command[0]):
                started = time.monotonic()
                self.assertIn(str(closed), self.refused(1, ['Permission denied'], *command, **as_somebody))
                self.assertLess(time.monotonic() - started, 20)

    def test_directory_that_may_not_be_entered_is_not_called_empty(self):
        model = self.damaged_model('config.json', lambda content: content)
        for folder in (self.shared, self.folder):
            folder.chmod(0o755)
        model.chmod(0o600)
        as_somebody = {'user': 65534} if os.geteuid() == 0 else {}
        try:
            self.refused(1, [model, 'Permission denied'], 'translate', '--model', model, **as_somebody)
        except PermissionError:
            self.skipTest('the program cannot be run by another user than root here')
        self.refused(1, [model, 'Permission denied'], 'inspect', model, **as_somebody)
        self.refused(1, [model, 'Permission denied'], 'tokenizer', 'train', '--vocab-size', 60, '--output', model / 'out',
                     self.shared / 'short.en', **as_somebody)

    def test_config_file_with_a_misspelt_key_is_refused(self):
        config = write(self.folder / 'run.toml', 'max-steps = 2\nleraning-rate = 0.1\n')
        self.refused((1, 2), [config, 'leraning-rate'], *self.train(config=config))
        config = write(self.folder / 'run.toml', 'seed = \n')
        self.refused((1, 2), [config], *self.train(config=config))
        config = write(self.folder / 'run.toml', 'seed = "one"\n')
        self.refused((1, 2), [config, 'seed'], *self.train(config=config))
        self.assertFalse((self.folder / 'out').exists())

    # Model directories

    def refuses_model(self, model, name):
        self.refused(1, [name], 'translate', '--model', model, stdin=b'one\n')
        self.refused(1, [name], 'inspect', model)

    def test_truncated_weights_are_refused(self):
        for keep in (0, 4, 8, 100, 5000, -1):
            with self.subTest(keep=keep):
                model = self.damaged_model('model.safetensors', lambda content: content[:keep])
                self.refuses_model(model, 'model.safetensors')
                shutil.rmtree(model)

    def test_foreign_weights_are_refused_before_anything_is_allocated(self):
        header = b'{"a":{"dtype":"F32","shape":[9999999999,9999999999],"data_offsets":[0,8]}}'
        twice = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        cases = {
            'text': b'these are no weights, but long enough to look at',
            'huge header': b'\xff' * 8 + b'{}',
            'header past the end': (10**9).to_bytes(8, 'little') + b'{}',
            'overflowing shape': len(header).to_bytes(8, 'little') + header + bytes(8),
            'duplicate key': len(twice).to_bytes(8, 'little') + twice + bytes(4),
            'other tensors': (54).to_bytes(8, 'little') + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' + bytes(4),
        }
        for name, content in cases.items():
            with self.subTest(name):
                model = self.damaged_model('model.safetensors', lambda _: content)
                self.refused(1, ['model.safetensors'], 'translate', '--model', model, stdin=b'one\n')
                shutil.rmtree(model)

    def test_damaged_config_is_refused(self):
        def changed(key, value):
            return lambda content: json.dumps({**json.loads(content), key: value}).encode()

        cases = {
            'cut': lambda content: content[:50],
            'a list': lambda content: b'[1, 2]',
            'foreign': lambda content: b'{"model_type": "toaster", "architectures": ["Toaster"]}',
            'negative': changed('d_model', -8),
            'huge': changed('d_model', 2**40),
            'wrong type': changed('encoder_layers', 'four'),
            'heads': changed('encoder_attention_heads', 3),
        }
        for name, change in cases.items():
            with self.subTest(name):
                model = self.damaged_model('config.json', change)
                self.refused(1, ['config.json'], 'translate', '--model', model, stdin=b'one\n')
                shutil.rmtree(model)

    def test_config_that_does_not_fit_the_weights_is_refused(self):
        model = self.damaged_model('config.json', lambda content: json.dumps({**json.loads(content), 'encoder_ffn_dim': 128}).encode())
        self.refused(1, ['model.safetensors'], 'translate', '--model', model, stdin=b'one\n')

    def test_damaged_tokenizer_is_refused(self):
        for name, change in {'cut': lambda content: content[:len(content) // 2], 'foreign': lambda content: b'{"model": {"type": "Telepathy"}}',
                             'empty': lambda content: b''}.items():
            with self.subTest(name):
                model = self.damaged_model('tokenizer.json', change)
                self.refused(1, ['tokenizer.json'], 'translate', '--model', model, stdin=b'one\n')
                shutil.rmtree(model)

    def test_missing_part_of_a_model_is_named(self):
        for name in ('config.json', 'model.safetensors', 'tokenizer.json'):
            with self.subTest(name):
                model = self.damaged_model(name, lambda content: content)
                (model / name).unlink()
                self.refused((1, 2), [name], 'translate', '--model', model, stdin=b'one\n')
                shutil.rmtree(model)

    def test_inspect_describes_a_model(self):
        self.assertIn('pegasus', self.works('inspect', self.model).stdout.lower())
        description = json.loads(self.works('inspect', self.model, '--json').stdout)
        self.assertIsInstance(description, dict)
        self.works('inspect', self.model, '--verify')

    def test_converted_model_translates_alike_and_is_never_overwritten(self):
        target = self.folder / 'converted'
        self.works('convert', self.model, target, '--max-shard-size', '20KB')
        self.assertGreater(len(list(target.glob('model-*-of-*.safetensors'))), 1)
        self.assertEqual(*(self.works('translate', '--model', each, stdin=b'one\n').stdout for each in (self.model, target)))
        self.refused((1, 2), ['converted exists already'], 'convert', self.model, target)
        self.refused(2, ['--max-shard-size', '5XB'], 'convert', self.model, self.folder / 'other', '--max-shard-size', '5XB')

    # Training

    def test_trained_directory_is_a_hugging_face_model(self):
        for name in ('config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'):
            self.assertTrue((self.model / name).is_file(), name)
        config = json.loads((self.model / 'config.json').read_text())
        self.assertEqual((config['model_type'], config['d_model'], config['encoder_layers']), ('pegasus', 128, 4))  # pre-norm
        leftovers = [name for name in tree(self.model) if 'tmp' in name.lower() or name.endswith('~')]
        self.assertEqual(leftovers, [])

    def test_same_seed_gives_the_same_weights(self):
        self.works(*self.train(max_steps='3', threads='1'))
        self.assertEqual((self.folder / 'out/model.safetensors').read_bytes(), (self.model / 'model.safetensors').read_bytes())

    def test_overwrite_replaces_a_directory(self):
        self.works(*self.train())
        self.works(*self.train(seed='2'), '--overwrite')
        self.assertTrue((self.folder / 'out/model.safetensors').is_file())

    def test_config_file_stands_below_the_command_line(self):
        config = write(self.folder / 'run.toml', 'max-steps = 1\nseed = 7\npreset = "tiny"\n')
        options = self.train(max_steps=None, seed='1', preset=None, config=config)
        self.works(*options)
        self.works(*self.train(max_steps='1', output=self.folder / 'plain'))
        self.assertEqual((self.folder / 'out/model.safetensors').read_bytes(), (self.folder / 'plain/model.safetensors').read_bytes())

    def test_full_disk_leaves_nothing_half_written(self):
        for limit in (1_000, 300_000):  # fails in the tokenizer or corpus, and in the weights
            with self.subTest(limit=limit):
                out = self.folder / f'out-{limit}'
                self.refused(1, [out], *self.train(output=out), limit_file_bytes=limit)
                if out.exists():
                    self.assertFalse((out / 'model.safetensors').exists())
                    self.assertEqual([name for name in tree(out) if 'tmp' in name], [])
                    for path in out.rglob('*.json'):
                        json.loads(path.read_text())

    def test_interrupted_training_leaves_a_checkpoint_and_130_and_resumes(self):
        out = self.folder / 'out'
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU):
            with self.subTest(signal=number.name):
                process = subprocess.Popen([PROGRAM, *map(str, self.train(max_steps='100000')), '--overwrite'], stderr=subprocess.PIPE,
                                           preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))  # the tests may be started with nohup
                first = process.stderr.readline()
                deadline = time.monotonic() + 60
                while not out.exists() and time.monotonic() < deadline:
                    time.sleep(0.1)
                time.sleep(2)
                process.send_signal(number)
                _, rest = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 130, (first + rest).decode())
                self.assertIn(b'\nstopping when this step is done', rest)
                self.assertTrue((out / 'checkpoints/latest').exists())
                self.works('translate', '--model', out, '--max-length', 8, stdin=b'one\n')  # also before the first validation
        last = max(int(path.name.split('-')[1]) for path in (out / 'checkpoints').glob('step-*'))
        self.works(*self.train(max_steps=str(last + 1)), '--resume')
        self.assertTrue((out / 'model.safetensors').is_file())

    def test_resume_without_a_checkpoint_starts_from_the_beginning(self):
        self.works(*self.train(max_steps='3'), '--resume')
        self.assertEqual((self.folder / 'out/model.safetensors').read_bytes(), (self.model / 'model.safetensors').read_bytes())

    def test_flipped_bit_in_a_checkpoint_is_found(self):
        self.works(*self.train())
        checkpoint = max((self.folder / 'out/checkpoints').glob('step-*'), key=lambda path: int(path.name.split('-')[1]))
        biggest = max((path for path in checkpoint.rglob('*') if path.is_file()), key=lambda path: path.stat().st_size)
        content = bytearray(biggest.read_bytes())
        content[len(content) // 2] ^= 4
        biggest.write_bytes(content)
        self.refused(1, [biggest.name], *self.train(max_steps='3'), '--resume')

    def test_loss_that_is_no_number_stops_training_and_keeps_the_checkpoint(self):
        options = self.train(lr='900', warmup_steps='0', max_steps='20', save_every='1')
        line = self.refused(1, ['diverged at step', '--lr', self.folder / 'out/checkpoints/step-1'], *options)
        self.assertEqual(self.refused(1, [], *options, '--resume'), line)

    def test_lines_of_one_word_are_judged_by_exact_match(self):
        done = self.works(*self.train())
        self.assertIn('exact match', done.stderr)
        self.assertNotIn('BLEU', done.stderr)
        line = [json.loads(line) for line in (self.folder / 'out/train_log.jsonl').read_text().splitlines()][-1]
        self.assertEqual((line['event'], 'exact_match' in line, 'bleu' in line), ('validation', True, False))
        short = self.shared / 'short.de'
        self.assertIn('BLEU undefined', self.works('eval', '--hypothesis', short, '--reference', short).stdout)
        scores = json.loads(self.works('eval', '--hypothesis', short, '--reference', short, '--json').stdout)
        self.assertEqual((scores['bleu'], scores['exact_match']), (None, 100))

    def test_header_of_labelled_lines_is_left_out(self):
        lines = ''.join(f'the {i} is {"old" if i % 2 else "new"}\t{i % 2}\n' for i in range(40))
        path = write(self.folder / 'train.tsv', 'sentence\tlabel\n' + lines)
        done = self.works('train', '--task', 'classification', '--train-file', path, '--valid-file', path, '--layers', 1, '--hidden-size', 16,
                          '--num-attention-heads', 1, '--ffn-dim', 16, '--max-steps', 2, '--output', self.folder / 'out')
        self.assertIn('is a header', done.stderr)
        self.assertEqual(json.loads((self.folder / 'out/config.json').read_text())['id2label'], {'0': '0', '1': '1'})

    # Translating and scoring

    def test_translate_keeps_lines_and_their_order(self):
        lines = ['one', '', 'two', 'three', '', 'four']
        done = self.works('translate', '--model', self.model, stdin='\n'.join(lines).encode())
        answers = done.stdout.split('\n')
        self.assertEqual(len(answers), len(lines) + 1)
        self.assertEqual((answers[1], answers[4], answers[6]), ('', '', ''))
        alone = self.works('translate', '--model', self.model, stdin=b'three\n').stdout
        self.assertEqual(alone, answers[3] + '\n')

    def test_translate_nothing_gives_nothing(self):
        self.assertEqual(self.works('translate', '--model', self.model).stdout, '')
        self.assertEqual(self.works('translate', '--model', self.model, stdin=b'\n').stdout, '\n')

    def test_translate_answers_at_once_and_ends_on_ctrl_c(self):
        process = subprocess.Popen([PROGRAM, 'translate', '--model', str(self.model), '--max-length', '8'], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            for line in (b'one\n', b'two\n'):
                process.stdin.write(line)
                process.stdin.flush()
                self.assertTrue(select.select([process.stdout], [], [], 60)[0], 'no answer while the next line is not there yet')
                self.assertTrue(os.read(process.stdout.fileno(), 4096).endswith(b'\n'))
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
        finally:
            process.kill()
            _, errors = process.communicate()
        self.assertEqual(process.returncode, 130, errors.decode())

    def test_line_longer_than_the_model_is_left_empty_and_named_or_cut(self):
        long = b'seven hundred ' * 5000
        translate = ['translate', '--model', self.model, '--max-length', '4']
        plain = self.works(*translate, stdin=b'one\ntwo\nthree\n').stdout.splitlines()
        done = run(*translate, stdin=b'one\ntwo\n' + long + b'\nthree\n')
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout.splitlines(), [*plain[:2], '', plain[2]])
        self.assertEqual(done.stderr.count('error: '), 1)
        self.assertRegex(done.stderr, r'(?m)^warning: line 3 has \d+ tokens and the model takes \d+; it stays empty in the output$')
        self.assertRegex(done.stderr, r'error: line 3 is longer than the \d+ tokens.*--truncate')
        done = run(*translate, stdin=(long + b'\n') * 2)
        self.assertIn('lines 1, 2 have more', done.stderr)
        self.assertEqual(done.stdout, '\n\n')
        self.assertEqual(done.stderr.count('warning: '), 2)
        self.assertTrue(self.works(*translate, '--truncate', stdin=long).stdout.strip())

    def test_what_generation_config_says_is_used_or_named(self):
        shutil.copytree(self.model, self.folder / 'changed')
        path = self.folder / 'changed/generation_config.json'
        said = json.loads(path.read_text())
        translate = ['translate', '--model', self.folder / 'changed', '--token-scores']
        path.write_text(json.dumps(said | {'max_new_tokens': 1, 'do_sample': True, 'encoder_repetition_penalty': 1.5}))
        done = self.works(*translate, stdin=b'one hundred\n')
        self.assertEqual(len(done.stdout.split('\t')[1].split()), 1)
        self.assertIn('qkv translate does not use "do_sample", "encoder_repetition_penalty"', done.stderr)
        path.write_text(json.dumps(said | {'max_new_tokens': 0}))
        self.refused(1, ['max_new_tokens', path], *translate, stdin=b'one\n')

    def test_length_penalty_that_is_no_number_is_refused(self):
        for value in ('nan', 'inf', '1e400'):
            self.refused(2, ['--length-penalty'], 'translate', '--model', self.model, '--beam-size', 2, '--length-penalty', value, stdin=b'one\n')

    def test_the_files_type_can_be_computed_in(self):
        shutil.copytree(self.model, self.folder / 'changed')
        config = json.loads((self.folder / 'changed/config.json').read_text())
        (self.folder / 'changed/config.json').write_text(json.dumps(config | {'dtype': 'bfloat16'}))
        scores = lambda model, dtype: self.works('translate', '--model', model, '--dtype', dtype, '--scores', stdin=b'one\n').stdout
        self.assertEqual(scores(self.folder / 'changed', 'file'), scores(self.model, 'bf16'))
        self.assertEqual(scores(self.model, 'file'), scores(self.model, 'f32'))
        self.assertNotEqual(scores(self.model, 'bf16'), scores(self.model, 'f32'))

    def test_n_best_gives_n_candidates_a_line(self):
        done = self.works('translate', '--model', self.model, '--beam-size', 3, '--n-best', 2, '--scores', '--max-length', 6, stdin=b'one\ntwo\n')
        self.assertEqual(len(done.stdout.splitlines()), 4)
        self.refused(2, ['--n-best', '--beam-size'], 'translate', '--model', self.model, '--beam-size', 2, '--n-best', 3, stdin=b'one\n')

    def test_closed_pipe_ends_translating(self):
        text = b'one\n' * 200_000
        process = subprocess.Popen(f'"{PROGRAM}" translate --model "{self.model}" --max-length 3 --batch-tokens 64 | head -n 1; '
                                   'echo "${PIPESTATUS[0]}"',
                                   shell=True, executable='/bin/bash', stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output, errors = process.communicate(text, timeout=120)
        self.assertEqual(output.decode().splitlines()[-1], '0', errors.decode())
        self.assertEqual(errors.decode(), '', 'nobody reads on, so nobody is told')
        self.assertEqual(len(output.decode().splitlines()), 2)

    def test_full_disk_under_stdout_fails(self):
        for arguments, stdin in ((['--version'], b''), (['--help'], b''), (['inspect', self.model], b''),
                                 (['translate', '--model', self.model], b'one\n'),
                                 (['eval', '--hypothesis', self.shared / 'short.de', '--reference', self.shared / 'short.de'], b'')):
            with self.subTest(arguments[0]), open('/dev/full', 'wb') as full:
                self.refused(1, ['standard output', 'No space left'], *arguments, stdin=stdin, stdout=full)

    def test_eval_of_equal_files_is_100(self):
        short = self.shared / 'short.en'
        scores = json.loads(self.works('eval', '--hypothesis', short, '--reference', short, '--json').stdout)
        self.assertEqual((round(scores['bleu'], 2), round(scores['chrf'], 2)), (100, 100))
        self.assertIn('tok:13a', scores['signature'])
        self.assertIn('100.00', self.works('eval', '--hypothesis', short, '--reference', short).stdout)

    def test_eval_of_a_model_gives_the_scores_of_its_translations(self):
        source, reference = self.shared / 'short.en', self.shared / 'short.de'
        scores = json.loads(self.works('eval', '--model', self.model, '--source', source, '--reference', reference, '--beam-size', 2,
                                       '--json').stdout)
        hypothesis = write(self.folder / 'hypothesis', self.works('translate', '--model', self.model, '--beam-size', 2,
                                                                  stdin=source.read_bytes()).stdout)
        again = json.loads(self.works('eval', '--hypothesis', hypothesis, '--reference', reference, '--json').stdout)
        for key in ('bleu', 'chrf', 'signature'):
            self.assertEqual(scores[key], again[key])

    def test_eval_needs_something_to_score(self):
        self.refused(2, ['--reference'], 'eval', '--hypothesis', self.shared / 'short.de')
        self.refused(2, ['--hypothesis'], 'eval', '--reference', self.shared / 'short.de')

    def test_eval_takes_several_references_and_counts_errors(self):
        one, two = write(self.folder / 'one', 'a b c d\nx y\n'), write(self.folder / 'two', 'a b c e\nx z\n')
        hypothesis = write(self.folder / 'hypothesis', 'a b c e\nx\n')
        scores = json.loads(self.works('eval', '--hypothesis', hypothesis, '--reference', one, two, '--word-error-rate', '--token-error-rate',
                                       '--json').stdout)
        self.assertEqual((scores['references'], scores['exact_match'], round(scores['word_error_rate'], 2)), (2, 50, 16.67))
        self.assertEqual(scores['word_errors'], {'substitutions': 0, 'insertions': 0, 'deletions': 1, 'tokens': 6, 'unknown_tokens': 0})
        self.assertEqual(scores['token_errors'], scores['word_errors'])
        self.assertIn('nrefs:2', scores['ter_signature'])
        text = self.works('eval', '--hypothesis', hypothesis, '--reference', one, two, '--word-error-rate').stdout
        self.assertIn('word error rate 16.67 % (0 substitutions, 0 insertions, 1 deletions; 6 words)', text)
        by_tokenizer = ('eval', '--hypothesis', hypothesis, '--reference', one, '--token-error-rate', '--tokenizer', self.model)
        self.assertIn('tokens of the tokenizer', self.works(*by_tokenizer).stdout)
        short = write(self.folder / 'short', 'a\n')
        self.refused(1, ['has 2', short, 'has 1 lines'], 'eval', '--hypothesis', hypothesis, '--reference', one, short)
        self.refused(1, ['is empty'], 'eval', '--hypothesis', write(self.folder / 'a', ''), '--reference', write(self.folder / 'b', ''))
        self.assertIn('undefined', self.works('eval', '--hypothesis', short, '--reference', write(self.folder / 'c', '\n'), '--word-error-rate').stdout)

    def test_eval_options_that_change_nothing_are_refused(self):
        lines = write(self.folder / 'lines', 'a b c d\n')
        score = ('eval', '--hypothesis', lines, '--reference', lines)
        self.assertIn('tok:intl', self.works(*score, '--tokenize', 'intl').stdout)
        self.refused(2, ['--tokenizer', '--token-error-rate'], *score, '--tokenizer', self.model)
        self.refused(2, ['--resamples', '--compare'], *score, '--resamples', 10)
        self.refused(2, ['--smooth-value', '--smooth-method'], *score, '--smooth-value', 1)
        self.refused(2, ['--ter-asian-support', '--ter-normalized'], *score, '--ter-asian-support')
        self.refused(2, ['--tokenize'], *score, '--tokenize', 'mecab')
        self.refused(2, ['--beam-size', '--hypothesis'], *score, '--beam-size', 2)
        self.refused(2, ['--beam-size'], 'eval', '--reference', lines, '--compare', lines, lines, '--beam-size', 2)
        self.refused(2, ['--word-error-rate', '--text'], 'eval', '--model', self.model, '--text', lines, '--word-error-rate')

    def test_eval_compares_systems(self):
        references = ''.join(f'the {i} cats sat on mat number {i * 7 % 10}\n' for i in range(30))
        reference = write(self.folder / 'reference', references)
        good = write(self.folder / 'good', references.replace('mat number 3', 'the mat 3'))
        bad = write(self.folder / 'bad', references.replace('cats sat', 'cat lies'))
        compare = ('eval', '--reference', reference, '--compare')
        result = json.loads(self.works(*compare, bad, good, bad, '--json').stdout)
        self.assertEqual([measure['name'] for measure in result['measures']], ['BLEU', 'chrF2', 'chrF2++', 'TER'])
        for measure in result['measures']:
            first, second, third = measure['systems']
            self.assertEqual((first['p_value'], third['p_value']), (None, 1))
            self.assertLess(second['p_value'], 0.05)
            self.assertEqual(first['score'] < second['score'], not measure['lower_is_better'])
        self.assertIn('bs:1000|seed:12345|rng:philox', result['measures'][0]['signature'])
        single = json.loads(self.works('eval', '--hypothesis', good, '--reference', reference, '--json').stdout)
        self.assertEqual(result['measures'][3]['systems'][1]['score'], single['ter'])
        self.assertIn('baseline', self.works(*compare, bad, good, '--resamples', 20, '--seed', 3).stdout)
        self.refused(2, ['--compare', 'two systems'], *compare, good)
        self.refused(1, ['lines'], *compare, good, write(self.folder / 'one', 'a\n'))
        self.refused(2, ['--compare', '--hypothesis'], *compare, good, bad, '--hypothesis', good)
        self.refused(2, ['--source'], *compare, good, self.model)
        self.refused(2, ['--source'], *compare, good, bad, '--source', good)
        self.refused(2, ['--resamples: 0'], *compare, good, bad, '--resamples', 0)

    def test_eval_compares_a_model_with_a_file(self):
        source, reference = self.shared / 'short.en', self.shared / 'short.de'
        result = json.loads(self.works('eval', '--compare', self.model, reference, '--source', source, '--reference', reference, '--max-length', 8,
                                       '--json').stdout)
        self.assertEqual(result['measures'][-1]['systems'][1]['score'], 0, 'TER of the references')

    # Tokenizer, attention, data

    def test_rank_file_is_cut_by_the_named_pattern_and_a_guess_is_said(self):
        import base64
        tokens = [bytes([byte]) for byte in range(256)] + [b'12', b'123', b'1234']
        lines = ''.join(f'{base64.b64encode(token).decode()} {rank}\n' for rank, token in enumerate(tokens))
        ranks = write(self.folder / 'some.tiktoken', lines)
        encode = ('tokenizer', 'encode', '--tokenizer', ranks)
        self.assertIn('has 259 ranks, as no tokenizer', run(*encode, stdin=b'1234\n').stderr)
        self.assertEqual(self.works(*encode, '--tiktoken-pattern', 'gpt2', stdin=b'1234\n').stdout, '258\n')
        self.assertEqual(self.works(*encode, '--tiktoken-pattern', 'llama3', stdin=b'1234\n').stdout, '257 52\n')
        self.assertEqual(self.works(*encode, '--tiktoken-pattern', '[0-9]{2}', stdin=b'123\n').stdout, '256 51\n')
        self.refused(2, ['--tiktoken-pattern lama3', 'llama3'], *encode, '--tiktoken-pattern', 'lama3', stdin=b'1\n')
        self.refused(2, ['--tiktoken-pattern'], *self.train(tiktoken_pattern='gpt2'))

    def test_tokenizer_trains_encodes_and_decodes(self):
        out = self.folder / 'out'
        self.works('tokenizer', 'train', '--model', 'bpe', '--vocab-size', 120, '--output', out, self.shared / 'numbers/train.en',
                   self.shared / 'numbers/train.de')
        text = (self.shared / 'short.de').read_bytes()
        ids = self.works('tokenizer', 'encode', '--tokenizer', out, stdin=text).stdout
        self.assertRegex(ids.splitlines()[0], r'^[\d ]+$')
        self.assertEqual(self.works('tokenizer', 'encode', '--tokenizer', out, self.shared / 'short.de').stdout, ids)
        self.assertEqual(self.works('tokenizer', 'decode', '--tokenizer', out, stdin=ids.encode()).stdout, text.decode())
        whole = self.works('tokenizer', 'encode', '--tokenizer', out, '--whole', '--no-special', stdin=text).stdout
        self.assertEqual(whole.count('\n'), 1)
        self.assertNotEqual(whole, ids)
        seen = self.works('tokenizer', 'inspect', '--tokenizer', out, '--json', '--no-special', stdin=b'one\n').stdout
        tokens = json.loads(seen)['tokens']
        self.assertEqual([tokens[0]['begin'], tokens[-1]['end']], [0, 3])
        shown = self.works('tokenizer', 'inspect', '--tokenizer', out, stdin=b'one\n').stdout
        self.assertNotIn('\x1b', shown)  # no colours if the output is a pipe
        self.assertIn('\x1b', self.works('tokenizer', 'inspect', '--tokenizer', out, '--color', 'always', stdin=b'one\n').stdout)
        figures = json.loads(self.works('tokenizer', 'compare', '--json', '--text', self.shared / 'short.de', out).stdout)
        self.assertEqual(figures['tokens'], len(self.works('tokenizer', 'encode', '--tokenizer', out, '--no-special', stdin=text).stdout.split()))
        self.refused(1, ['empty'], 'tokenizer', 'compare', out, stdin=b'')
        self.refused((1, 2), [], 'tokenizer', 'decode', '--tokenizer', out, stdin=b'99999999\n')
        self.refused((1, 2), [], 'tokenizer', 'decode', '--tokenizer', out, stdin=b'one\n')
        self.refused((1, 2), ['--overwrite'], 'tokenizer', 'train', '--model', 'bpe', '--vocab-size', 120, '--output', out,
                     self.shared / 'numbers/train.en')

    def test_tokenizer_decode_prints_a_line_for_a_line_or_the_text_as_it_is(self):
        out, text = self.folder / 'out', b'one\n two\r\n\\</s><|endoftext|>\n'
        self.works('tokenizer', 'train', '--model', 'byte-bpe', '--vocab-size', 260, '--output', out, self.shared / 'numbers/train.en')
        tokenizer = ('--tokenizer', out)
        ids = self.works('tokenizer', 'encode', *tokenizer, '--whole', stdin=text).stdout
        self.assertIn(' 0 ', ids)
        self.assertEqual(self.works('tokenizer', 'decode', *tokenizer, '--special-tokens', stdin=ids.encode()).stdout,
                         'one\\n two\\r\\n\\</s><|endoftext|>\\n\n')
        plain = self.works('tokenizer', 'encode', *tokenizer, '--whole', '--special-tokens-as-text', stdin=text).stdout
        self.assertNotIn(' 0 ', plain)
        self.assertEqual(run('tokenizer', 'decode', *tokenizer, '--whole', stdin=plain.replace(' ', '\n').encode()).stdout, text.decode())

    def test_attention_is_shown_and_saved(self):
        options = ['attention', '--model', self.model, '--source', 'twenty-one', '--target', 'einundzwanzig', '--kind', 'cross', '--layer', '1',
                   '--head', '2']
        self.assertTrue(self.works(*options).stdout)
        self.works(*options, '--output', self.folder / 'map.svg')
        self.assertIn('<svg', (self.folder / 'map.svg').read_text())
        self.works(*options, '--output', self.folder / 'map.json')
        self.assertIsInstance(json.loads((self.folder / 'map.json').read_text()), dict)
        for option, value in (('--layer', '99'), ('--head', '99'), ('--kind', 'sideways')):
            changed = list(options)
            changed[changed.index(option) + 1] = value
            self.refused(2, [option], *changed)
        self.refused(2, ['--beam-size', '--target'], *options, '--beam-size', 3)
        self.refused(2, ['--trace', '.svg'], *options, '--trace', '--output', self.folder / 'map.svg')
        block = self.works(*options, '--trace').stdout
        for part in ('unscaled scores Q K^T of head 2', 'W_O', 'logits'):
            self.assertIn(part, block)
        self.assertNotIn('of head 1', block)
        self.assertIn('of head 1', self.works(*options[:-1], 'all', '--trace').stdout)
        self.refused(2, ['--head all', '--trace'], *options[:-1], 'all')
        self.works(*options[:-6], '--html', self.folder / 'all.html')
        self.assertIn('decoder.1.cross_attention.weights.2', (self.folder / 'all.html').read_text())

    def test_demo_data_is_disjoint_and_repeatable(self):
        for name in ('one', 'two'):
            self.works('data', 'numbers', '--from', 'en', '--to', 'de', '--count', 200, '--seed', 5, '--output', self.folder / name)
        self.assertEqual(tree(self.folder / 'one'), tree(self.folder / 'two'))
        split = {name: (self.folder / 'one' / f'{name}.de').read_text().splitlines() for name in ('train', 'valid', 'test')}
        self.assertEqual([len(lines) for lines in split.values()], [200, 1000, 1000])
        self.assertEqual(len(set(sum(split.values(), []))), 2200)
        self.assertIn('einundzwanzig', split['train'])
        self.refused((1, 2), [self.folder / 'one', '--overwrite'], 'data', 'numbers', '--from', 'en', '--to', 'de', '--count', 200, '--seed', 5,
                     '--output', self.folder / 'one')
        self.refused((1, 2), ['xx-nowhere'], 'data', 'numbers', '--from', 'en', '--to', 'xx-nowhere', '--count', 200, '--seed', 5, '--output',
                     self.folder / 'three')
        self.refused((1, 2), ['--count'], 'data', 'numbers', '--from', 'en', '--to', 'de', '--count', 0, '--seed', 5, '--output',
                     self.folder / 'three')
        self.assertFalse((self.folder / 'three').exists())

    def test_a_folder_named_like_a_command_is_a_path(self):
        shutil.copytree(self.model, self.folder / 'data')
        self.works('inspect', 'data', cwd=self.folder)


class LanguageModel(ProgramTest):
    """Tests of qkv train --task lm, generate, and eval --text."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.text = write(cls.shared / 'text.txt', ''.join(f'{i % 7} and {i * i % 11}, über alles.\n' for i in range(400)))
        cls.train_options = ['train', '--text', cls.text, '--preset', 'char-gpt', '--dtype', 'f32', '--decoder-layers', 1, '--hidden-size', 32, '--num-attention-heads', 2,
                             '--ffn-dim', 32, '--context', 24, '--batch-tokens', 240, '--warmup-steps', 4, '--validate-every', 50, '--lr', '1e-2']
        cls.model = cls.shared / 'model'
        done = run(*cls.train_options, '--max-steps', 150, '--output', cls.model)
        assert done.returncode == 0, done.stderr
        cls.messages = done.stderr

    def generate(self, *options, **more):
        return self.works('generate', '--model', self.model, '--max-new-tokens', 60, *options, **more).stdout

    def test_trained_directory_is_a_hugging_face_model(self):
        config = json.loads((self.model / 'config.json').read_text())
        self.assertEqual((config['model_type'], config['n_embd'], config['n_layer'], config['n_positions']), ('gpt2', 32, 1, 24))
        tokenizer = json.loads((self.model / 'tokenizer.json').read_text())
        self.assertEqual(set(tokenizer['model']['vocab']), set(self.text.read_text()) | {'<|endoftext|>', '<unk>'})
        self.assertIn('GPT2LMHeadModel', self.messages)
        self.assertRegex(self.messages, r'validation loss \d+\.\d+, perplexity \d+\.\d+, bits per byte \d+\.\d+')
        line = json.loads((self.model / 'train_log.jsonl').read_text().splitlines()[-1])
        self.assertEqual(set(line), {'event', 'step', 'loss', 'perplexity', 'bits_per_byte', 'best', 'seconds'})

    def test_options_of_another_task_and_missing_ones_are_named(self):
        out = ['--output', self.folder / 'out']
        self.refused(2, ['--text is missing'], 'train', '--task', 'lm', *out)
        self.refused(2, ['--source', '--task lm'], 'train', '--task', 'lm', '--text', self.text, '--source', self.text, *out)
        self.refused(2, ['--text', '--task translation'], 'train', '--text', self.text, *out)
        self.refused(2, ['--preset base', '--task lm'], 'train', '--task', 'lm', '--text', self.text, '--preset', 'base', *out)
        self.refused(2, ['--vocab-size', 'bpe'], *self.train_options, '--vocab-size', 100, *out)
        self.refused(2, ['--document-separator'], *self.train_options, '--document-separator', '\\x', *out)
        self.refused(1, [self.folder / 'nowhere'], 'train', '--task', 'lm', '--text', self.folder / 'nowhere', *out)
        self.refused(1, ['line 2', 'UTF-8'], 'train', '--task', 'lm', '--text', write(self.folder / 'bad', b'good\n\xff\xff good\n'), *out)
        self.assertFalse((self.folder / 'out').exists())

    def test_eval_names_a_separator_that_does_not_occur(self):
        options = ['eval', '--model', self.model, '--document-separator', '<|x|>']
        self.refused(1, [self.text, '"<|x|>" does not occur'], *options, '--text', self.text)
        self.refused(2, ['--document-separator'], *options, '--source', self.text, '--reference', self.text)

    def test_documents_and_byte_pairs_train_and_resume(self):
        options = [*self.train_options, '--vocabulary', 'bpe', '--vocab-size', 270, '--document-separator', '.\\n', '--output', self.folder / 'out']
        done = self.works(*options, '--max-steps', 4, '--schedule-steps', 6)
        self.assertIn('documents', done.stderr)
        self.works(*options, '--max-steps', 6, '--schedule-steps', 6, '--resume')
        whole = self.folder / 'whole'
        self.works(*options[:-1], whole, '--max-steps', 6)
        self.assertEqual((whole / 'model.safetensors').read_bytes(), (self.folder / 'out/model.safetensors').read_bytes())

    def test_generated_text_depends_on_the_seed_alone(self):
        text = self.generate('--seed', 5, '--threads', 1)
        self.assertEqual(len(text), 60 + 1, 'a token is a character here, and a line end closes the output')
        self.assertEqual(self.generate('--seed', 5, '--threads', 2, '--no-stream'), text)
        self.assertNotEqual(self.generate('--seed', 6), text)
        greedy = self.generate('--greedy')
        self.assertEqual(self.generate('--temperature', 0, '--seed', 9), greedy)
        self.assertEqual(self.generate('--top-k', 1, '--seed', 9), greedy)

    def test_repetition_is_avoided_where_that_is_asked(self):
        plain = self.generate('--greedy')
        text = self.generate('--greedy', '--no-repeat-ngram-size', 3, '--echo', '--prompt', '3')[:-1]
        self.assertEqual(len({text[i:i + 3] for i in range(len(text) - 2)}), len(text) - 2)
        self.assertNotEqual(self.generate('--greedy', '--repetition-penalty', 3), plain)
        self.assertEqual(self.generate('--min-p', 1, '--seed', 9), plain)
        self.assertEqual(self.generate('--typical-p', 1, '--epsilon-cutoff', 0, '--eta-cutoff', 0, '--seed', 9), self.generate('--seed', 9))

    def test_prompt_comes_from_the_command_line_or_stdin(self):
        text = self.generate('--prompt', '3 and ', '--seed', 5)
        self.assertEqual(self.generate('--prompt', '-', '--seed', 5, stdin=b'3 and '), text)
        self.assertEqual(self.generate('--prompt', '3 and ', '--seed', 5, '--echo'), '3 and ' + text)
        done = self.works('generate', '--model', self.model, '--max-new-tokens', 5, '--prompt', '-', stdin=b'3 \xff')
        self.assertIn('not valid UTF-8', done.stderr)
        done = self.works('generate', '--model', self.model, '--max-new-tokens', 5, '--prompt', '日本')
        self.assertIn('the prompt has 2 characters or words that the tokenizer does not know', done.stderr)
        long = self.works('generate', '--model', self.model, '--prompt', 'a' * 500, '--max-new-tokens', 5)
        self.assertIn('context of 24', long.stderr)

    def test_samples_differ_and_json_holds_each(self):
        samples = self.generate('--num-samples', 3, '--seed', 5).split('\n---\n')
        self.assertEqual(len(samples), 3)
        lines = [json.loads(line) for line in self.generate('--num-samples', 3, '--seed', 5, '--json').splitlines()]
        self.assertEqual([line['text'] for line in lines], [sample.removesuffix('\n') for sample in samples[:2]] + [samples[2][:-1]])
        self.assertEqual(len({line['text'] for line in lines}), 3)
        self.assertEqual((lines[2]['sample'], lines[2]['new_tokens'], lines[2]['end']), (2, 60, 'max_new_tokens'))
        self.refused(2, ['--num-samples'], 'generate', '--model', self.model, '--num-samples', 2, '--greedy')

    def test_generate_streams_and_ends_on_ctrl_c(self):
        process = subprocess.Popen([PROGRAM, 'generate', '--model', str(self.model), '--max-new-tokens', '100000000', '--num-samples', '100000'],
                                   stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        try:
            self.assertTrue(select.select([process.stdout], [], [], 60)[0], 'no text')
            self.assertTrue(os.read(process.stdout.fileno(), 65536))
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        self.assertEqual(process.returncode, 130, errors.decode())
        self.assertTrue(output.decode().endswith('\n'))

    def test_closed_pipe_and_full_disk_end_generating(self):
        process = subprocess.Popen(f'"{PROGRAM}" generate --model "{self.model}" --max-new-tokens 100000000 --num-samples 100000 | head -c 10 > /dev/null; '
                                   'echo "${PIPESTATUS[0]}"', shell=True, executable='/bin/bash', stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        output, errors = process.communicate(timeout=120)
        self.assertEqual(output.decode().splitlines()[-1], '0', errors.decode())
        with open('/dev/full', 'wb') as full:
            self.refused(1, ['standard output', 'No space left'], 'generate', '--model', self.model, '--max-new-tokens', 10, stdout=full)

    def test_values_that_cannot_be_name_the_option(self):
        for option, value in (('--temperature', -1), ('--top-k', -1), ('--top-p', 0), ('--top-p', 1.5), ('--max-new-tokens', 0), ('--seed', -1),
                              ('--num-samples', 0), ('--seed', 2 ** 64), ('--top-k', 2 ** 70), ('--min-p', 1.1), ('--typical-p', 0),
                              ('--epsilon-cutoff', 2), ('--eta-cutoff', -1), ('--repetition-penalty', 0), ('--no-repeat-ngram-size', -1),
                              ('--min-new-tokens', -1)):
            with self.subTest(option=option):
                self.refused(2, [option], 'generate', '--model', self.model, option, value)
        self.refused(1, [self.folder / 'nowhere'], 'generate', '--model', self.folder / 'nowhere')

    def test_eval_text_gives_loss_perplexity_and_bits_per_byte(self):
        result = json.loads(self.works('eval', '--model', self.model, '--text', self.text, '--json').stdout)
        size = len(self.text.read_bytes())
        self.assertEqual((result['tokens'], result['bytes'], result['context']), (len(self.text.read_text()) - 1, size, 24))
        self.assertAlmostEqual(result['perplexity'], math.exp(result['loss']), places=9)
        self.assertAlmostEqual(result['bits_per_byte'], result['loss'] * result['tokens'] / math.log(2) / size, places=9)
        self.assertIn(f"loss {result['loss']:.4f}", self.works('eval', '--model', self.model, '--text', self.text).stdout)

    def test_eval_of_the_validation_text_is_the_logged_loss(self):
        text = self.text.read_text()
        end = write(self.folder / 'end.txt', text[int(len(text) * 0.9):])
        result = json.loads(self.works('eval', '--model', self.model, '--text', end, '--json').stdout)
        best = [line for line in map(json.loads, (self.model / 'train_log.jsonl').read_text().splitlines()) if line.get('best')][-1]
        self.assertAlmostEqual(result['loss'], best['loss'], places=5)
        self.assertAlmostEqual(result['bits_per_byte'], best['bits_per_byte'], places=5)

    def test_eval_text_refuses_what_does_not_belong_together(self):
        self.refused(2, ['--model'], 'eval', '--text', self.text)
        self.refused(2, ['--text'], 'eval', '--model', self.model, '--text', self.text, '--reference', self.text)
        self.refused(2, ['--reference', '--text'], 'eval', '--model', self.model)
        self.refused(2, ['--context'], 'eval', '--hypothesis', self.text, '--reference', self.text, '--context', 3)
        self.refused(2, ['--context 25', '24'], 'eval', '--model', self.model, '--text', self.text, '--context', 25)
        self.refused(1, ['single token'], 'eval', '--model', self.model, '--text', write(self.folder / 'a', 'a'))
        self.refused(1, ['qkv generate'], 'translate', '--model', self.model, stdin=b'one\n')

    def test_attention_of_a_decoder_alone_is_that_of_the_text(self):
        show = ['attention', '--model', self.model, '--text', 'and über\nalles']
        self.works(*show, '--output', self.folder / 'map.json')
        shown = json.loads((self.folder / 'map.json').read_text())
        self.assertEqual((shown['kind'], ''.join(shown['keys'])), ('decoder', 'and␣über\\nalles'))
        self.assertNotIn('target', shown)
        self.assertIn('labels: ␣ space, \\n line end\n', self.works(*show).stdout)
        for kind in ('encoder', 'cross'):
            self.refused(2, [f'--kind {kind}', 'possible: decoder'], *show, '--kind', kind)
        self.refused(2, ['--beam-size', 'qkv generate'], *show, '--beam-size', 3)
        self.refused(2, ['--target', 'qkv generate'], *show, '--target', 'a')

    def test_sampling_of_generation_config_is_used(self):
        shutil.copytree(self.model, self.folder / 'changed')
        path = self.folder / 'changed/generation_config.json'
        said = json.loads(path.read_text())
        text = lambda *options: self.works('generate', '--model', self.folder / 'changed', '--seed', 5, *options).stdout
        plain = lambda *options: self.works('generate', '--model', self.model, '--seed', 5, '--max-new-tokens', 30, *options).stdout
        path.write_text(json.dumps(said | {'do_sample': True, 'temperature': 0.7, 'top_k': 3, 'top_p': 0.8, 'max_new_tokens': 30}))
        self.assertEqual(text(), plain('--temperature', 0.7, '--top-k', 3, '--top-p', 0.8))
        path.write_text(json.dumps(said | {'do_sample': False, 'max_new_tokens': 30}))
        self.assertEqual(text(), plain('--greedy'))
        self.refused(2, ['--num-samples'], 'generate', '--model', self.folder / 'changed', '--num-samples', 2)


class Encoder(ProgramTest):
    """Tests of qkv train --task mlm and classification, eval --text and --classification, classify, and inspect."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        words = ['river', 'rivers', 'boat', 'boats', 'stone', 'stones']
        cls.text = write(cls.shared / 'text.txt', ''.join(f'the {words[i * 7 % 6]} and the {words[i * 5 % 4]} are {"old" if i % 3 else "new"}.\n' for i in range(200)))
        cls.labelled = write(cls.shared / 'train.tsv', ''.join(f'the {words[i % 6]} is {"old" if i % 2 else "new"}\t{"aged" if i % 2 else "fresh"}\n' for i in range(90)))
        shape = ['--layers', 1, '--hidden-size', 16, '--num-attention-heads', 2, '--ffn-dim', 24, '--dropout', 0]
        cls.recipe = ['--batch-tokens', 120, '--warmup-steps', 4, '--validate-every', 50, '--max-steps', 100, '--lr', '1e-2', '--seed', 2]
        cls.mlm, cls.classifier = cls.shared / 'mlm', cls.shared / 'classifier'
        for options in (['--task', 'mlm', '--text', cls.text, '--context', 24, '--whole-words', *shape, '--output', cls.mlm],
                        ['--task', 'classification', '--train-file', cls.labelled, '--valid-file', cls.labelled, '--max-length', 24, '--init', cls.mlm,
                         '--output', cls.classifier]):
            done = run('train', *options, *cls.recipe)
            assert done.returncode == 0, done.stderr
            cls.messages = done.stderr

    def best(self, model):
        return [line for line in map(json.loads, (model / 'train_log.jsonl').read_text().splitlines()) if line.get('best')][-1]

    def test_trained_directories_are_bert(self):
        self.assertEqual(json.loads((self.mlm / 'config.json').read_text())['architectures'], ['BertForMaskedLM'])
        config = json.loads((self.classifier / 'config.json').read_text())
        self.assertEqual((config['architectures'], config['hidden_size']), (['BertForSequenceClassification'], 16))
        self.assertEqual(config['id2label'], {'0': 'aged', '1': 'fresh'})
        self.assertRegex(self.messages, r'validation loss \d+\.\d+, accuracy \d+\.\d\d %')
        self.assertEqual(set(self.best(self.mlm)), {'event', 'step', 'loss', 'perplexity', 'masked_bits_per_byte', 'best', 'seconds'})
        self.assertEqual(set(self.best(self.classifier)), {'event', 'step', 'loss', 'accuracy', 'best', 'seconds'})

    def test_inspect_shows_head_and_labels(self):
        shown = json.loads(self.works('inspect', self.classifier, '--json', '--verify').stdout)
        self.assertEqual((shown['config']['kind'], shown['config']['labels']), ('encoder_only', ['aged', 'fresh']))
        self.assertIn('head.classifier', shown['parameters']['parts'])
        self.assertNotIn('generation', shown)
        self.assertIn('BertForMaskedLM', self.works('inspect', self.mlm).stdout)

    def test_eval_is_what_the_log_says(self):
        result = json.loads(self.works('eval', '--model', self.classifier, '--classification', self.labelled, '--dtype', 'bf16', '--json').stdout)
        self.assertAlmostEqual(result['accuracy'], self.best(self.classifier)['accuracy'])
        self.assertAlmostEqual(result['loss'], self.best(self.classifier)['loss'], places=4)
        self.assertEqual((result['texts'], result['right']), (90, round(90 * result['accuracy'])))
        self.assertAlmostEqual(result['micro_f1'], result['accuracy'])
        self.assertEqual([sum(row) for row in result['confusion']], [45, 45])
        self.assertEqual([label['name'] for label in result['labels']], ['aged', 'fresh'])
        text = self.works('eval', '--model', self.classifier, '--classification', self.labelled, '--dtype', 'bf16').stdout
        self.assertIn(f"F1 macro {result['macro_f1']:.4f}", text)
        text = self.text.read_text()
        end = write(self.folder / 'end.txt', text[int(len(text) * 0.9):])
        result = json.loads(self.works('eval', '--model', self.mlm, '--text', end, '--dtype', 'bf16', '--json').stdout)
        # The program reads embeddings as bf16, but training keeps them in f32.
        self.assertAlmostEqual(result['masked_bits_per_byte'], self.best(self.mlm)['masked_bits_per_byte'], delta=5e-4)
        self.assertIn('masked bits per byte', self.works('eval', '--model', self.mlm, '--text', end).stdout)

    def test_classify_labels_line_by_line(self):
        lines = self.works('classify', '--model', self.classifier, stdin=b'the boat is old\nthe boat is new\n').stdout.splitlines()
        self.assertEqual([line.split('\t')[0] for line in lines], ['aged', 'fresh'])
        label, probability, other, rest = self.works('classify', '--model', self.classifier, '--all', stdin=b'the boat is old').stdout.split()
        self.assertEqual((label, other), ('aged', 'fresh'))
        self.assertAlmostEqual(float(probability) + float(rest), 1, places=5)

    def test_attention_of_encoders_is_that_of_the_text(self):
        for model in (self.mlm, self.classifier):
            self.works('attention', '--model', model, '--text', 'the boat is old', '--output', self.folder / 'map.json')
            shown = json.loads((self.folder / 'map.json').read_text())
            self.assertEqual((shown['kind'], ''.join(shown['keys'])), ('encoder', '[CLS]the␣boat␣is␣old[SEP]'))

    def test_a_label_of_two_lines_is_one(self):
        model = self.folder / 'two_lines'
        shutil.copytree(self.classifier, model)
        config = json.loads((model / 'config.json').read_text())
        config['id2label'] = {'0': 'ag\ned', '1': 'fre\tsh'}
        write(model / 'config.json', json.dumps(config))
        lines = self.works('classify', '--model', model, stdin=b'the boat is old\nthe boat is new\n').stdout.split('\n')
        self.assertEqual([line.split('\t')[0] for line in lines], ['ag ed', 'fre sh', ''])
        self.assertEqual(len(self.works('classify', '--model', model, '--all', stdin=b'the boat is old\n').stdout.split('\t')), 4)
        self.assertIn('ag ed, fre sh\n', self.works('inspect', model).stdout)
        self.assertEqual(json.loads(self.works('inspect', model, '--json').stdout)['config']['labels'], ['ag\ned', 'fre\tsh'])

    def test_what_does_not_fit_is_one_line(self):
        out = ['--output', self.folder / 'out']
        self.refused(2, ['--train-file, --valid-file are missing'], 'train', '--task', 'classification', *out)
        self.refused(2, ['--init', '--task translation'], 'train', '--init', self.mlm, *out)
        self.refused(2, ['--hidden-size', '--init'], 'train', '--task', 'mlm', '--text', self.text, '--init', self.mlm, '--hidden-size', 8, *out)
        self.refused(1, ['24 positions', '--context 128'], 'train', '--task', 'mlm', '--text', self.text, '--init', self.mlm, *out)
        self.refused(2, ['--preset bert-mini', '--task classification'], 'train', '--task', 'classification', '--preset', 'bert-mini', *out)
        self.refused(1, ['labels no texts', 'fill-mask'], 'classify', '--model', self.mlm, stdin=b'a\n')
        self.refused(1, ['labels no texts'], 'eval', '--model', self.mlm, '--classification', self.labelled)
        self.refused(1, ['qkv classify'], 'eval', '--model', self.classifier, '--text', self.text)
        self.refused(1, ['qkv classify'], 'generate', '--model', self.classifier)
        self.refused(1, ['qkv fill-mask'], 'translate', '--model', self.mlm, stdin=b'one\n')
        self.refused(2, ['--kind cross', 'possible: encoder'], 'attention', '--model', self.mlm, '--text', 'one', '--kind', 'cross')
        self.refused(1, ['line 1', 'tab'], 'eval', '--model', self.classifier, '--classification', self.text)
        self.refused(1, ['"old"', 'aged, fresh'], 'eval', '--model', self.classifier, '--classification', write(self.folder / 'x.tsv', 'a boat\told\n'))
        self.refused(2, ['--classification'], 'eval', '--model', self.classifier, '--classification', self.labelled, '--reference', self.text)
        self.assertFalse((self.folder / 'out').exists())


if __name__ == '__main__':
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f'usage: {sys.argv[0]} PROGRAM [unittest options]')
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
