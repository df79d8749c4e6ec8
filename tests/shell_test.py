#!/usr/bin/env python3
"""Completion in the shells that are installed, and man pages. A shell that is missing is skipped, and said to be.

    tests/shell_test.py build/qkv [-k PATTERN]
"""
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import unittest

import command_line_test
from command_line_test import COMMANDS, ProgramTest, write

TOP = sorted([*COMMANDS, 'help', 'man', 'completion'])
NESTED = [['tokenizer', 'train'], ['tokenizer', 'encode'], ['data', 'numbers'], ['bench', 'train'], ['lab', 'run']]


def needs(program):
    return unittest.skipUnless(shutil.which(program), f'NOT TESTED: {program} is not installed')


class Shell(ProgramTest):
    def options_of(self, *command):
        """Options by name with their values, as --help has them at a width where nothing is broken."""
        text = self.works(*command, '--help', env={**os.environ, 'COLUMNS': '400'}).stdout
        found = {}
        for names, value in re.findall(r'(?m)^  ((?:-\w, )?--[\w-]+(?:, --[\w-]+)*)(?: (\S+))?', text):
            for name in names.split(', '):
                found[name] = value
        return found

    def check(self, complete):
        """complete(WORDS) gives what the shell offers for the last of them."""
        self.assertEqual(sorted(complete(['qkv', ''])), TOP)
        self.assertEqual(sorted(complete(['qkv', 'tr'])), ['train', 'translate'])
        self.assertEqual(sorted(complete(['qkv', 'tokenizer', ''])), ['compare', 'decode', 'encode', 'inspect', 'train'])
        self.assertEqual(complete(['qkv', 'completion', 'z']), ['zsh'])
        self.assertEqual(sorted(complete(['qkv', 'help', 'tr'])), ['train', 'translate'])
        self.assertEqual(sorted(complete(['qkv', 'train', '--task', ''])), ['chat', 'choice', 'classification', 'lm', 'mlm', 'tag', 'translation'])
        self.assertEqual(complete(['qkv', 'train', '--lr', '1', '--preset', 'char']), ['char-gpt'])
        self.assertEqual(complete(['qkv', 'tokenizer', 'train', '--model', 'w']), ['wordlevel', 'wordpiece'])
        self.assertEqual(complete(['qkv', 'translate', '--dtype', 'b']), ['bf16'])
        for command in [[name] for name in COMMANDS] + NESTED:
            with self.subTest(command=command):
                offered = set(complete(['qkv', *command, '--']))
                listed = {name for name in self.options_of(*command) if name.startswith('--')}
                self.assertEqual(offered, listed)

    def bash(self, words, tail=''):
        script = self.folder / 'qkv.bash'
        if not script.exists():
            write(script, self.works('completion', 'bash').stdout)
        program = (f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _qkv; ' 'for each in "${COMPREPLY[@]}"; do echo "$each"; done' + tail)
        done = subprocess.run(['bash', '--norc', '-c', program, 'bash', *words], capture_output=True, text=True, cwd=self.folder)
        self.assertEqual(done.stderr, '')
        return done.stdout.splitlines()

    @needs('bash')
    def test_bash_completes_commands_options_and_values(self):
        self.check(self.bash)
        self.assertEqual(self.bash(['qkv', 'train', '--task', '=', 'l']), ['lm'])
        self.assertEqual(sorted(self.bash(['qkv', 'train', '--norm', '='])), ['layer', 'rms'])
        write(self.folder / 'my text.txt', '')
        (self.folder / 'my model').mkdir()
        self.assertEqual(sorted(self.bash(['qkv', 'train', '--text', 'my'])), ['my model', 'my text.txt'])
        self.assertEqual(sorted(self.bash(['qkv', 'train', '--text', 'a', 'my'])), ['my model', 'my text.txt'])
        self.assertEqual(self.bash(['qkv', 'translate', '-m', 'my']), ['my model'])
        self.assertEqual(sorted(self.bash(['qkv', 'tokenizer', 'encode', 'my'])), ['my model', 'my text.txt'])
        self.assertEqual(self.bash(['qkv', 'train', '--lr', '']), [])

    @needs('fish')
    def test_fish_completes_commands_options_and_values(self):
        script = write(self.folder / 'qkv.fish', self.works('completion', 'fish').stdout)

        def complete(words):
            line = ' '.join(words)
            done = subprocess.run(['fish', '--no-config', '-c', f'source {script}; complete -C "{line}"'], capture_output=True, text=True,
                                  cwd=self.folder, env={**os.environ, 'HOME': str(self.folder)})
            self.assertEqual(done.stderr, '')
            return [each.split('\t')[0] for each in done.stdout.splitlines()]

        self.check(complete)
        (self.folder / 'models').mkdir()
        self.assertEqual(complete(['qkv', 'translate', '--model', 'mod']), ['models/'])
        self.assertEqual(complete(['qkv', 'train', '--task=l']), ['--task=lm'])

    @needs('zsh')
    def test_zsh_completes_commands_options_and_values(self):
        functions = self.folder / 'functions'
        write(functions / '_qkv', self.works('completion', 'zsh').stdout)
        subprocess.run(['zsh', '-n', functions / '_qkv'], check=True)
        for command in [[name] for name in COMMANDS] + NESTED:
            body = re.search(rf"(?ms)^_qkv_{'_'.join(command)}\(\) {{(.*?)^}}", (functions / '_qkv').read_text()).group(1)
            for name in self.options_of(*command):
                self.assertRegex(body, rf"\){name}[=+]?\[|\*{name}[=+]?\[")
        leader, follower = pty.openpty()
        process = subprocess.Popen(['zsh', '-f', '-i'], stdin=follower, stdout=follower, stderr=follower, cwd=self.folder, start_new_session=True,
                                   env={**os.environ, 'TERM': 'dumb', 'HOME': str(self.folder), 'COLUMNS': '200'})
        os.close(follower)

        def read_until(mark, seconds=30):
            text, end = '', time.monotonic() + seconds
            while mark not in text and time.monotonic() < end:
                if select.select([leader], [], [], 0.1)[0]:
                    text += os.read(leader, 1 << 16).decode(errors='replace')
            self.assertIn(mark, text)
            return text

        try:
            setup = (f'PS1= PS2= RPS1=; fpath=({functions} $fpath); autoload -U compinit; compinit -u -D; setopt no_beep; bindkey "^I" complete-word; '
                     'unsetopt zle_bracketed_paste 2>/dev/null; qkv() { print -r -- "<<$*>>" }; print rea""dy\n')
            os.write(leader, setup.encode())
            read_until('ready\r\n')
            for typed, completed in (('qkv transl\t', 'translate'), ('qkv tokenizer com\t', 'tokenizer compare'),
                                     ('qkv translate --token-s\t', 'translate --token-scores'), ('qkv train --task cl\t', 'train --task classification'),
                                     ('qkv train --preset=char\t', 'train --preset=char-gpt'), ('qkv help attent\t', 'help attention'),
                                     ('qkv completion f\t', 'completion fish'), ('qkv translate -m func\t', 'translate -m functions')):
                os.write(leader, typed.encode())
                read_until(completed)
                os.write(leader, b'\n')
                read_until(f'<<{completed}>>')
        finally:
            process.kill()
            process.wait()
            os.close(leader)


class Man(ProgramTest):
    def test_every_command_has_a_page_with_its_options(self):
        pages = self.folder / 'pages'
        self.works('man', '--all', pages)
        names = {path.name for path in pages.iterdir()}
        self.assertLessEqual({f'qkv-{name}.1' for name in TOP} | {'qkv.1', 'qkv-tokenizer-train.1'}, names)
        self.assertEqual((pages / 'qkv-train.1').read_text(), self.works('man', 'train').stdout)
        self.assertEqual((pages / 'qkv-tokenizer-train.1').read_text(), self.works('man', 'tokenizer', 'train').stdout)
        page = (pages / 'qkv-train.1').read_text().replace('\\-', '-')
        for name in re.findall(r'(?m)^  (?:-\w, )?(--[\w-]+)', self.works('train', '--help').stdout):
            self.assertIn(f'\\fB{name}\\fR', page)
        for variable in ('QKV_THREADS', 'QKV_ISA', 'NO_COLOR'):
            self.assertIn(variable, page)
        self.refused(2, ['trian', 'did you mean train?'], 'man', 'trian')

    @needs('man')
    def test_pages_are_shown_without_warnings(self):
        pages = self.folder / 'pages'
        self.works('man', '--all', pages)
        for path in sorted(pages.iterdir()):
            with self.subTest(page=path.name):
                done = subprocess.run(['man', '--warnings', '-E', 'UTF-8', '-l', path], capture_output=True, text=True,
                                      env={**os.environ, 'MANWIDTH': '80', 'LC_ALL': 'C.UTF-8', 'MANROFFOPT': '', 'PAGER': 'cat', 'MANPAGER': 'cat'})
                self.assertEqual((done.returncode, done.stderr), (0, ''))
                self.assertIn('EXIT STATUS', re.sub('.\b', '', done.stdout))


if __name__ == '__main__':
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f'usage: {sys.argv[0]} PROGRAM [unittest options]')
    command_line_test.PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
