#!/usr/bin/env python3
"""What the program says about itself: help at several widths of a terminal, version, environment variables, names of options, and which
options are refused together.

    tests/command_line_help_test.py build/qkv [-k PATTERN]
"""
import os
import pathlib
import re
import sys
import unittest

import command_line_test
from command_line_test import COMMANDS, ProgramTest, run, write
from pseudo_terminal import on_terminal

NESTED = [['tokenizer', 'train'], ['tokenizer', 'compare'], ['data', 'numbers'], ['bench', 'attention'], ['lab', 'run']]
ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / 'tests/goldens/causal_models/gpt2'


def words(text):
    return ' '.join(text.replace('\\\n', ' ').split())


class Help(ProgramTest):
    def test_nothing_asked_shows_the_help(self):
        self.assertEqual(self.works().stdout, self.works('--help').stdout)
        for group in ('tokenizer', 'data', 'bench', 'lab'):
            self.assertEqual(self.works(group).stdout, self.works(group, '--help').stdout)

    def test_help_is_a_command_too(self):
        self.assertEqual(self.works('help').stdout, self.works('--help').stdout)
        for command in [[name] for name in COMMANDS] + NESTED:
            self.assertEqual(self.works('help', *command).stdout, self.works(*command, '--help').stdout)
            self.assertEqual(self.works('help', *command).stdout, self.works(*command, '-h').stdout)
        self.refused(2, ['trian', 'did you mean train?'], 'help', 'trian')
        self.refused(2, ['qkv tokenizer', 'frob'], 'help', 'tokenizer', 'frob')

    def test_help_comes_before_complaints(self):
        for wrong in (['--beam-size', 'many'], ['--frobnicate'], ['--model']):
            self.assertIn('Usage: qkv translate', self.works('translate', '--help', *wrong).stdout)

    def test_version_says_what_a_report_of_a_fault_needs(self):
        lines = self.works('--version').stdout.splitlines()
        self.assertRegex(lines[0], r'^qkv \d+\.\d+\.\d+$')
        fields = dict(line.split(': ', 1) for line in lines[1:])
        self.assertEqual(list(fields), ['commit', 'build', 'instruction sets', 'in use'])
        self.assertRegex(fields['commit'], r'^([0-9a-f]{40}\+?|unknown)$')
        self.assertTrue(fields['build'])
        sets = fields['instruction sets'].split(', ')
        self.assertEqual(sets[0], 'baseline')
        if not os.environ.get('QKV_ISA'):
            self.assertEqual(fields['in use'], sets[-1])
        chosen = self.works('-V', env={**os.environ, 'QKV_ISA': 'baseline'}).stdout
        self.assertTrue(chosen.endswith('in use: baseline\n'), chosen)

    def test_help_fits_the_terminal(self):
        for command in [[], *([name] for name in COMMANDS), *NESTED]:
            texts = {width: on_terminal(width, *command, '--help') for width in (40, 80, 200)}
            for width, text in texts.items():
                with self.subTest(command=command, width=width):
                    body = text.split('\nExample:')[0]
                    self.assertLessEqual(max(map(len, body.splitlines())), width)
                    self.assertTrue(words(texts[200]), command)
            self.assertEqual(len({len(text.splitlines()) for text in texts.values()}), 3, 'more lines where they are shorter')
            plain = [re.sub(r'\s', '', text.replace('\\\n', '')) for text in texts.values()]
            self.assertEqual(plain, plain[:1] * 3, 'the same text at each width')

    def test_an_example_broken_into_lines_is_still_the_command(self):
        example = on_terminal(60, 'train', '--help').split('Example:\n')[1]
        self.assertTrue(all(line.endswith('\\') for line in example.splitlines()[:-1]))
        self.assertIn('qkv train --task lm --text input.txt --output my-gpt', words(example))

    def test_help_of_train_has_the_values_of_its_recipe(self):
        def value(option, *recipe):
            text = words(self.works('train', *recipe, '--help').stdout)
            return re.search(rf' {option} [^\[]*\[([^\]]*)\]', text).group(1)

        self.assertEqual(value('--batch-tokens'), '1024')
        self.assertEqual(value('--batch-tokens', '--task', 'translation', '--preset', 'tiny'), '4096')
        self.assertEqual(value('--lr', '--preset', 'base'), '0.0007')
        self.assertEqual(value('--max-steps', '--task', 'lm'), '5000')
        self.assertEqual(value('--dropout', '--task', 'classification'), '0.4')
        config = write(self.folder / 'recipe.toml', 'preset = "tiny"\nlr = 0.25\n')
        self.assertEqual(value('--lr', '--config', config), '0.25')
        self.assertEqual(value('--hidden-size', '--config', config), '128')
        self.assertIn('--task lm --preset char-gpt', self.works('train', '--task', 'lm', '--help').stdout)
        self.refused(2, ['--preset', 'huge', 'tiny'], 'train', '--preset', 'huge', '--help')

    def test_environment_variables_stand_in_help_and_readme_and_nonsense_is_refused(self):
        text, readme = self.works('--help').stdout, (ROOT / 'README.md').read_text()
        names = re.findall(r'(?m)^  ([A-Z_]+) ', text.split('Environment:')[1])
        self.assertEqual(names[:3], ['QKV_THREADS', 'QKV_ISA', 'NO_COLOR'])
        for name in names:
            self.assertIn(name, readme)
        for name in ('QKV_THREADS', 'QKV_ISA'):
            for command in (['inspect', self.folder], ['--version'] if name == 'QKV_ISA' else ['train', '--print-config']):
                self.refused(2, [name, 'nonsense'], *command, env={**os.environ, name: 'nonsense'})

    def test_no_color_counts_where_it_has_a_value(self):
        out = self.folder / 'tokenizer'
        self.works('tokenizer', 'train', '--model', 'char', '-o', out, write(self.folder / 'text', 'a b c\n'))
        line = write(self.folder / 'line', 'a b\n')
        for value, colored in (('1', False), ('', True), (None, True)):
            environment = {name: text for name, text in os.environ.items() if name != 'NO_COLOR'}
            if value is not None:
                environment['NO_COLOR'] = value
            before, os.environ['NO_COLOR'] = os.environ.get('NO_COLOR'), value or ''
            try:
                if value is None:
                    del os.environ['NO_COLOR']
                text = on_terminal(80, 'tokenizer', 'inspect', '--tokenizer', out, line)
            finally:
                os.environ.pop('NO_COLOR', None)
                if before is not None:
                    os.environ['NO_COLOR'] = before
            self.assertEqual('\x1b[' in text, colored, f'NO_COLOR={value}')


class Options(ProgramTest):
    def config(self, *options):
        return dict(line.split(' = ', 1) for line in self.works('train', '--print-config', *options).stdout.splitlines() if ' = ' in line)

    def test_a_letter_means_the_same_option_everywhere(self):
        meanings = {}
        for command in [[name] for name in COMMANDS] + NESTED:
            for letter, name in re.findall(r'(?m)^  -(\w), (--[\w-]+)', self.works(*command, '--help').stdout):
                self.assertEqual(meanings.setdefault(letter, name), name, command)
        self.assertEqual({letter: meanings[letter] for letter in 'moqvth'},
                         {'m': '--model', 'o': '--output', 'q': '--quiet', 'v': '--verbose', 't': '--threads', 'h': '--help'})
        self.assertEqual(self.config('-o', 'a', '-t', '3')['output'], '"a"')
        self.assertEqual(self.config('-oa', '-t3')['threads'], '3')
        self.refused(1, ['nowhere'], 'generate', '-m', 'nowhere', '-p', 'x', '-n', 3, '-q')
        self.refused(2, ['--quiet', '--verbose'], 'inspect', '-q', '-v', self.folder)
        self.works('-q', '-t', 1, 'train', '--print-config')  # before the command, too
        self.refused(2, ['--threads', 'many'], '--threads', 'many', 'train', '--print-config')

    def test_the_last_of_a_repeated_option_counts(self):
        self.assertEqual(self.config('--lr', '1', '--lr', '0.5')['lr'], '0.5')
        self.assertEqual(self.config('--preset', 'base', '--preset', 'tiny')['hidden-size'], '128')
        self.assertEqual(self.config('--no-tensorboard', '--tensorboard')['tensorboard'], 'true')
        self.assertEqual(self.config('--tensorboard', '--no-tensorboard')['tensorboard'], 'false')
        self.assertEqual(self.config('--tensorboard', '--tensorboard', '--no-tensorboard')['tensorboard'], 'false')
        self.refused(1, ['second'], 'translate', '--model', 'first', '--model', 'second')
        self.refused(2, ['--beam-size', '0 is too small'], 'translate', '--model', 'x', '--beam-size', 4, '--beam-size', 0)
        self.refused(1, ['second'], 'generate', '--json', '--json', '-m', 'first', '-m', 'second', '--top-k', 4, '--top-k', 5)

    def test_lists_grow(self):
        out, text = self.folder / 'tokenizer', write(self.folder / 'text', 'a b c\n' * 9)
        self.works('tokenizer', 'train', '--model', 'char', '--special-token', '<x>', '--special-token', '<y>', '-o', out, text)
        tokens = (out / 'tokenizer.json').read_text()
        self.assertIn('<x>', tokens)
        self.assertIn('<y>', tokens)

    def test_names_of_other_programs_lead_to_ours(self):
        cases = {
            'train': {'--learning-rate': '--lr', '--batch-size': '--batch-tokens', '--epochs': '--max-epochs', '--num_train_epochs': '--max-epochs',
                      '--output_dir': '--output', '--save-dir': '--output', '--max-update': '--max-steps', '--update-freq': '--accumulate',
                      '--mini-batch': '--batch-tokens', '--dim-emb': '--hidden-size', '--transformer-heads': '--num-attention-heads',
                      '--enc-depth': '--encoder-layers', '--after-epochs': '--max-epochs', '--disp-freq': '--log-every', '--wd': '--weight-decay',
                      '--n_embd': '--hidden-size', '--gradient_accumulation_steps': '--accumulate', '--max-iters': '--max-steps'},
            'translate': {'--beam': '--beam-size', '--num-beams': '--beam-size', '--lenpen': '--length-penalty', '--nbest': '--n-best',
                          '--normalize': '--length-penalty', '--path': '--model', '--cpu-threads': '--threads', '--word-scores': '--token-scores'},
            'generate': {'--temp': '--temperature', '--n-predict': '--max-new-tokens', '--max-length': '--max-new-tokens', '--topk': '--top-k',
                         '--num_return_sequences': '--num-samples', '--sampling-topp': '--top-p', '--repeat-penalty': '--repetition-penalty',
                         '--no_repeat_ngram': '--no-repeat-ngram-size'}}
        for command, names in cases.items():
            for name, right in names.items():
                with self.subTest(command=command, name=name):
                    self.refused(2, [name, f'did you mean {right}?'], command, '--model' if command != 'train' else '--output', 'x', name, 1)

    def test_words_in_the_wrong_place_lead_on(self):
        text = write(self.folder / 'text', 'a\n')
        for words_of_it, command in (
                (['--source and --target', '--text'], ['train', text]), (['--hypothesis and --reference'], ['eval', text, text]),
                ([f'--output {self.folder}'], ['train', '--resume', self.folder]), (['standard input'], ['translate', '-m', 'x', text]), (['standard input'], ['classify', '-m', 'x', '--input', text]),
                ([f'--model {self.folder}'], ['translate', self.folder]), (['--prompt'], ['generate', '-m', 'x', 'Once']),
                (['--source'], ['attention', '-m', 'x', 'Once']), (['standard output'], ['translate', '-m', 'x', '--output', 'y']),
                (['processor'], ['generate', '-m', 'x', '--device', 'cuda']), (['processor'], ['translate', '-m', 'x', '--gpus', 1]),
                (['AdamW'], ['train', '--optimizer', 'adam']), (['did you mean lm?'], ['train', '--task', 'clm', '--text', text]),
                (['did you mean classification?'], ['train', '--task', 'classify']), (['did you mean inspect?'], ['info', self.folder]),
                (['did you mean --version?'], ['version']), (['bash, zsh or fish'], ['completion', 'powershell']), (['bash, zsh or fish'], ['completion']),
                (['--source, --target, --valid-source, --valid-target, --output are missing', '--valid-split'], ['train'])):
            with self.subTest(command=command):
                self.refused(2, words_of_it, *command)
        self.refused(1, ['nowhere', 'nothing of that name'], 'translate', '-m', 'nowhere', '--from', 'en', '--to', 'de')
        self.refused(2, ['name a directory'], 'inspect')
        self.assertIn('more threads than cores', self.works('-t', len(os.sched_getaffinity(0)) + 1, 'inspect', MODEL).stderr)

    def test_options_without_effect_together_are_refused(self):
        for first, words_of_it, command in (
                ('--temperature', '--greedy', ['generate', '-m', 'x', '--greedy', '--temperature', 1]),
                ('--top-k', '--greedy', ['generate', '-m', 'x', '--greedy', '--top-k', 3]),
                ('--min-p', '--greedy', ['chat', '-m', 'x', '--greedy', '--min-p', 0.1]),
                ('--top-p', '--temperature 0', ['generate', '-m', 'x', '--temperature', 0, '--top-p', 0.5]),
                ('--no-stream', '--json', ['generate', '-m', 'x', '--json', '--no-stream']),
                ('--echo', '--json', ['generate', '-m', 'x', '--json', '--echo']),
                ('--trace', '.svg', ['attention', '-m', 'x', '--source', 'a', '--trace', '-o', 'map.svg']),
                ('--layer', '--html', ['attention', '-m', 'x', '--source', 'a', '--layer', 1, '--html', 'all.html']),
                ('--target', '--kind encoder', ['attention', '-m', 'x', '--source', 'a', '--kind', 'encoder', '--target', 'b']),
                ('--beam-size', '--target', ['attention', '-m', 'x', '--source', 'a', '--target', 'b', '--beam-size', 3]),
                ('--max-length', '--kind encoder', ['attention', '-m', 'x', '--source', 'a', '--kind', 'encoder', '--max-length', 3]),
                ('--length-penalty', '--beam-size 1', ['translate', '-m', 'x', '--beam-size', 1, '--length-penalty', 2]),
                ('--length-penalty', '--beam-size 1', ['eval', '-m', 'x', '--source', 'a', '--reference', 'b', '--beam-size', 1, '--length-penalty', 2]),
                ('--color', '--json', ['tokenizer', 'inspect', '--tokenizer', 'x', '--json', '--color', 'always']),
                ('--score', 'wordpiece', ['tokenizer', 'train', '--score', 'gain', '-o', 'x', 'y']),
                ('--vocab-size', '--model char', ['tokenizer', 'train', '--model', 'char', '--vocab-size', 99, '-o', 'x', 'y']),
                ('--min-frequency', '--model unigram', ['tokenizer', 'train', '--model', 'unigram', '--min-frequency', 2, '-o', 'x', 'y']),
                ('--character-coverage', '--model wordlevel',
                 ['tokenizer', 'train', '--model', 'wordlevel', '--character-coverage', 0.9, '-o', 'x', 'y']),
                ('--limit-alphabet', '--model byte-bpe', ['tokenizer', 'train', '--model', 'byte-bpe', '--limit-alphabet', 9, '-o', 'x', 'y']),
                ('--implementation', '--check-dispatch', ['bench', 'attention', '--check-dispatch', '--implementation', 'flash']),
                ('--context', '--task translation', ['train', '--task', 'translation', '--context', 9, '-o', 'x'])):
            with self.subTest(command=command):
                self.refused(2, [first, words_of_it], *command)
        self.refused(2, ['--truncate'], 'attention', '-m', 'x', '--source', 'a', '--truncate')


if __name__ == '__main__':
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(f'usage: {sys.argv[0]} PROGRAM [unittest options]')
    command_line_test.PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
