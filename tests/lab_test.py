#!/usr/bin/env python3
"""Runs experiments of the lab with the smallest effort, like a user.

    tests/lab_test.py build/qkv [-k PATTERN]
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ''
SMALLEST = ('--effort', '0.004', '--seeds', '2')


def lab(*arguments, **environment):
    return subprocess.run([PROGRAM, 'lab', *map(str, arguments)], capture_output=True, text=True, timeout=300, env={**os.environ, **environment})


def numbers(folder):
    """The measurements of each run, without timings."""
    records = {}
    for path in sorted(folder.glob('*/*.json')):
        record = json.loads(path.read_text())
        values = {name: value for name, value in record['values'].items() if not name.endswith(('_seconds', '_per_second'))}
        series = {name: points for name, points in record['series'].items() if not name.endswith(('_seconds', '_per_second'))}
        records[f'{path.parent.name}/{path.name}'] = (values, series)
    return records


class Lab(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix='qkv-lab-'))
        cls.record = cls.shared / 'record'
        cls.done = lab('run', 'score_scale', 'self_attention', *SMALLEST, '--output', cls.record, '--threads', 2)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.shared, ignore_errors=True)

    def refused(self, code, mentions, *arguments, **environment):
        done = lab(*arguments, **environment)
        self.assertEqual(done.returncode, code, done.stderr)
        line = done.stderr.splitlines()[-1]
        self.assertTrue(line.startswith('error: '), line)
        for word in mentions:
            self.assertIn(str(word), line)

    def test_two_experiments_run_and_are_reported(self):
        self.assertEqual(self.done.returncode, 0, self.done.stderr)
        self.assertEqual(len(list(self.record.glob('score_scale/*.json'))), 8)
        conclusions = json.loads((self.record / 'conclusions.json').read_text())
        self.assertEqual([each['experiment'] for each in conclusions], ['self_attention', 'score_scale'])
        for each in conclusions:
            for claim in each['claims']:
                self.assertIn(claim['verdict'], ('supported', 'not seen at this size', 'not decided at this size'))
        for language in ('en', 'zh'):
            page = (self.record / language / 'scaling.html').read_text()
            self.assertIn('</math>', page)
            self.assertIn('</svg>', page)
            self.assertIn('scaling.html', (self.record / language / 'index.html').read_text())
        # A page whose experiment is not in the record says so, and keeps what needs none.
        self.assertIn('no such measurement', (self.record / 'en/heads.html').read_text())

    def test_report_is_the_same_byte_for_byte_and_in_the_language_asked_for(self):
        def texts(folder):
            return {path.relative_to(folder): path.read_bytes() for path in folder.rglob('*') if path.suffix in ('.html', '.md')}
        folder = self.shared / 'again'
        shutil.copytree(self.record, folder, ignore=shutil.ignore_patterns('*.html', '*.md'))
        self.assertEqual(lab('report', folder, PATH='/nowhere').returncode, 0)
        self.assertEqual(texts(self.record), texts(folder))
        only = self.shared / 'chinese'
        shutil.copytree(self.record, only, ignore=shutil.ignore_patterns('*.html', '*.md'))
        self.assertEqual(lab('report', only, '--lang', 'zh').returncode, 0)
        self.assertTrue((only / 'zh/index.html').exists())
        self.assertFalse((only / 'en/index.html').exists())
        self.refused(2, ['--lang', 'fr'], 'report', only, '--lang', 'fr')

    def test_numbers_of_every_experiment_that_is_not_timed_are_those_of_any_number_of_threads(self):
        names = [line.split()[0] for line in lab('list').stdout.splitlines() if 'runs, timed' not in line]
        self.assertGreater(len(names), 10)
        for threads in (1, 2):
            done = lab('run', *names, '--effort', '0.001', '--seeds', '1', '--output', self.shared / f'threads-{threads}', '--threads', threads)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(numbers(self.shared / 'threads-1'), numbers(self.shared / 'threads-2'))

    def test_what_is_there_is_not_run_again(self):
        before = {path: path.stat().st_mtime_ns for path in self.record.glob('*/*.json')}
        done = lab('run', 'score_scale', *SMALLEST, '--output', self.record)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(before, {path: path.stat().st_mtime_ns for path in self.record.glob('*/*.json')})

    def test_interrupted_run_goes_on(self):
        folder = self.shared / 'interrupted'
        command = [PROGRAM, 'lab', 'run', 'score_scale', '--effort', '0.01', '--seeds', '2', '--threads', '1', '--output', folder]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while not list(folder.glob('score_scale/*.json')) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130)
        before = numbers(folder)
        self.assertTrue(0 < len(before) < 8, len(before))
        self.assertFalse([path for path in folder.rglob('*') if path.is_file() and path.suffix != '.json'])
        done = lab('run', '--resume', '--output', folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        after = numbers(folder)
        self.assertEqual(len(after), 8)
        self.assertEqual(before, {name: after[name] for name in before})

    def test_resuming_needs_a_record_and_takes_its_options(self):
        self.refused(1, [self.shared / 'none', 'run.json', 'does not exist'], 'run', '--resume', '--output', self.shared / 'none')
        self.refused(2, ['--effort', '--resume'], 'run', '--resume', '--effort', '1', '--output', self.record)

    def test_unknown_experiment_lists_those_there_are(self):
        self.refused(2, ['score_scal', 'did you mean score_scale', 'self_attention'], 'run', 'score_scal', '--output', self.shared / 'x')
        self.assertFalse((self.shared / 'x').exists())

    def test_too_little_text_is_said_before_anything_runs(self):
        short = self.shared / 'short.txt'
        short.write_text('too short\n')
        self.refused(2, [short, '10 bytes', '100000'], 'run', 'score_scale', '--text', short, '--output', self.shared / 'x')
        self.assertFalse((self.shared / 'x').exists())

    def test_records_of_another_effort_or_other_data_are_left_alone(self):
        self.refused(2, [self.record, 'effort', '--output'], 'run', 'score_scale', '--quick', '--output', self.record)
        text = self.shared / 'long.txt'
        text.write_text('another text\n' * 10000)
        self.refused(2, [self.record, 'other data', '--output'], 'run', 'score_scale', *SMALLEST, '--text', text, '--output', self.record)

    def test_damaged_record_is_named(self):
        folder = self.shared / 'damaged'
        shutil.copytree(self.record, folder)
        path = folder / 'score_scale' / 'one.1.json'
        path.write_text(path.read_text()[:100])
        self.refused(1, [path, 'no record'], 'report', folder)

    def test_report_of_a_folder_without_records_says_how_to_make_them(self):
        empty = self.shared / 'empty'
        empty.mkdir()
        self.refused(1, [empty, 'qkv lab run'], 'report', empty)


if __name__ == '__main__':
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f'usage: {sys.argv[0]} PROGRAM [unittest options]')
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
