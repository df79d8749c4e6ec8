#!/usr/bin/env python3
"""Options of a training: printed, kept beside its output, and taken up again by --resume.

    tests/training_options_test.py build/qkv [-k PATTERN]
"""
import os
import shutil
import sys
import tomllib
import unittest

import command_line_test
from command_line_test import ProgramTest, run, write

WORDS = 'zero one two three four five six seven eight nine'.split()


class TrainingOptions(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lines = [' '.join(WORDS[(i * k) % 10] for k in range(1, 2 + i % 5)) for i in range(60)]
        cls.text = write(cls.shared / 'text', '\n'.join(lines) + '\n')
        cls.recipe = ['--task', 'lm', '--text', cls.text, '--layers', 1, '--hidden-size', 16, '--num-attention-heads', 2, '--ffn-dim', 16,
                      '--context', 16, '--batch-tokens', 64, '--schedule', 'constant', '--warmup-steps', 2, '--dtype', 'f32', '--threads', 1]

    def printed(self, *options):
        return self.works('train', '--print-config', *options).stdout

    def trained(self, *options, output=None):
        output = output or self.folder / 'out'
        done = self.works('train', *options, '--output', output)
        return output, done.stderr

    def test_printed_options_are_read_back_exactly(self):
        for options in ([], ['--preset', 'base'], ['--task', 'lm'], ['--task', 'mlm'], ['--task', 'classification'], ['--task', 'choice'],
                        ['--lr', '0.1234567890123', '--weight-decay', '1e-30', '--betas', '0.8,0.95', '--layers', 5, '--decoder-layers', 2],
                        ['--source', 'a "b" \\ c\tü', '--no-tensorboard', '--resume', '-o', self.folder / 'no', '--max-minutes', '0.1'],
                        ['--task', 'lm', '--text', 'x', '--document-separator', '\\n\\n', '--tokenizer', 't', '--valid-text', 'v'],
                        ['--task', 'mlm', '--init', 'dir', '--lr', '3'], ['--task', 'lm', '--max-steps', 10]):
            with self.subTest(options=options):
                text = self.printed(*options)
                again = self.printed('--config', write(self.folder / 'printed.toml', text))
                self.assertEqual(again, text)
                tomllib.loads(text)
        values = tomllib.loads(self.printed('--preset', 'tiny', '--lr', '0.25', '--source', 'a "b" \\ c\tü', '--no-tensorboard'))
        self.assertEqual((values['preset'], values['lr'], values['source'], values['tensorboard'], values['batch-tokens'], values['task']),
                         ('tiny', 0.25, 'a "b" \\ c\tü', False, 4096, 'translation'))
        self.assertNotIn('context', values)  # of other tasks
        self.refused(2, ['--source', 'UTF-8'], 'train', '--print-config', '--source', b'\xff'.decode(errors='surrogateescape'))

    def test_a_file_with_a_name_that_is_no_utf8_trains_all_the_same(self):
        path = os.path.join(os.fsencode(self.folder), b'text-\xff')
        shutil.copy(self.text, path)
        out, said = self.trained(*self.recipe, '--text', os.fsdecode(path), '--max-steps', 1)
        self.assertIn('training.toml is not written', said)
        self.assertFalse((out / 'training.toml').exists())

    def test_names_of_files_may_hold_line_breaks(self):
        names = [write(self.folder / name, self.text.read_text()) for name in ('a\nb', 'c', '\n')]
        out, _ = self.trained(*self.recipe, '--text', *names, '--max-steps', 1)
        self.assertEqual(tomllib.loads((out / 'training.toml').read_text())['text'], [str(name) for name in (self.text, *names)])
        self.works('train', '--resume', '--output', out, '--max-steps', 2)

    def test_a_training_keeps_its_options_and_they_make_it_again(self):
        out, _ = self.trained(*self.recipe, '--max-steps', 3, '--overwrite')
        kept = tomllib.loads((out / 'training.toml').read_text())
        self.assertEqual((kept['max-steps'], kept['hidden-size'], kept['text'], kept['output']), (3, 16, str(self.text), str(out)))
        self.assertNotIn('overwrite', kept)
        again, _ = self.trained('--config', out / 'training.toml', output=self.folder / 'again')
        self.assertEqual((again / 'model.safetensors').read_bytes(), (out / 'model.safetensors').read_bytes())

    def test_resume_needs_nothing_but_the_directory(self):
        whole, _ = self.trained(*self.recipe, '--max-steps', 6, output=self.folder / 'whole')
        out, _ = self.trained(*self.recipe, '--max-steps', 3)
        done = self.works('train', '--resume', '-o', 'out', '--max-steps', 6, cwd=self.folder)
        self.assertIn('max-steps is 6 (before: 3)', done.stderr)
        self.assertEqual((out / 'model.safetensors').read_bytes(), (whole / 'model.safetensors').read_bytes())
        self.assertIn('already finished at step 6', self.works('train', '--resume', '--output', out).stderr)
        moved = self.folder / 'moved'
        out.rename(moved)
        self.assertIn('already finished at step 6', self.works('train', '--resume', '--output', moved).stderr)
        self.assertFalse(out.exists())

    def test_what_may_change_is_said_and_stays_changed(self):
        out, _ = self.trained(*self.recipe, '--max-steps', 2)
        done = self.works('train', '--resume', '--output', out, '--max-steps', 4, '--lr', '0.0005', '--log-every', 1, '--dropout', 0, '-t', 2)
        for change in ('lr is 0.0005 (before: 0.001)', 'log-every is 1 (before: 50)', 'max-steps is 4 (before: 2)', 'dropout is 0 (before: 0.2)',
                       'threads is 2 (before: 1)'):
            self.assertIn(change, done.stderr)
        self.assertEqual(done.stderr.count('(before: '), 5, done.stderr)
        self.assertIn('lr 5.00e-04', done.stderr)
        done = self.works('train', '--resume', '--output', out, '--max-steps', 5)
        self.assertIn('lr 5.00e-04', done.stderr)
        self.assertEqual(done.stderr.count('(before: '), 1, done.stderr)
        self.assertEqual(tomllib.loads((out / 'training.toml').read_text())['lr'], 0.0005)
        self.assertNotIn('(before: ', self.works('train', *self.recipe, '--resume', '--output', out, '--max-steps', 6, '--lr', '0.0005', '--log-every',
                                                 1, '--dropout', 0, '-t', 2).stderr.replace('max-steps is 6 (before: 5)', ''))

    def test_what_may_not_change_is_refused_by_name(self):
        out, _ = self.trained(*self.recipe, '--max-steps', 2)
        before = command_line_test.tree(out)
        for option, value, word in (('--hidden-size', 32, '16'), ('--seed', 2, '1'), ('--batch-tokens', 128, '64'), ('--preset', 'tiny', 'char-gpt'),
                                    ('--task', 'mlm', 'lm'), ('--dtype', 'bf16', 'f32'), ('--context', 8, '16')):
            with self.subTest(option=option):
                self.refused(2, [option, value, word, 'began with'], 'train', '--resume', '--output', out, option, value)
        other = write(self.folder / 'other', self.text.read_text() * 2)
        self.refused(2, ['training text'], 'train', '--resume', '--output', out, '--text', other)
        self.assertEqual(command_line_test.tree(out), before)

    def test_a_directory_without_kept_options_is_named(self):
        self.refused(2, ['there is no', 'nowhere'], 'train', '--resume', '--output', self.folder / 'nowhere')
        self.refused(2, ['training.toml', 'give all options'], 'train', '--resume', '--output', self.folder, '--max-steps', 3)
        out, _ = self.trained(*self.recipe, '--max-steps', 1)
        write(out / 'training.toml', 'lr = "fast"\n')
        self.refused(2, ['training.toml:1', 'lr'], 'train', '--resume', '--output', out)


if __name__ == '__main__':
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f'usage: {sys.argv[0]} PROGRAM [unittest options]')
    command_line_test.PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
