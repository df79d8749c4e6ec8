#!/usr/bin/env python3
"""A language model learns to answer from conversations, and is talked with: chat_test.py PROGRAM."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import command_line_test
from pseudo_terminal import OnTerminal

PROGRAM = ''
GOLDENS = pathlib.Path(__file__).resolve().parent / 'goldens'


def run(*arguments, stdin=''):
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='qkv-chat-'))
        golden = json.loads((GOLDENS / 'train/chat_answers.json').read_text())
        init = cls.folder / 'init'
        init.mkdir()
        for file in ('config.json', 'generation_config.json', 'model.safetensors'):
            shutil.copy(GOLDENS / golden['model'] / file, init)
        (init / 'tokenizer.json').write_text(json.dumps(golden['tokenizer']))
        (cls.folder / 'plain.jinja').write_text(golden['templates']['plain'])
        # The answer is the message's first letter, twice.
        draw = random.Random(1)
        talks = [''.join(draw.choice('abcde') for _ in range(3)) for _ in range(300)]
        (cls.folder / 'talks.jsonl').write_text(''.join(
            json.dumps({'messages': [{'role': 'user', 'content': text}, {'role': 'assistant', 'content': text[0] * 2}]}) + '\n' for text in talks))
        cls.model = cls.folder / 'model'
        code, _, said = run('train', '--task', 'chat', '--init', init, '--chat-template', cls.folder / 'plain.jinja', '--train-file',
                            cls.folder / 'talks.jsonl', '--valid-split', 30, '--max-steps', 400, '--context', 32, '--lr', 3e-3,
                            '--batch-tokens', 256, '--seed', 1, '--dtype', 'f32', '--output', cls.model)
        assert code == 0, said
        cls.talk = ['chat', '--model', cls.model, '--greedy', '--max-new-tokens', 8]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def generated(self, *contents):
        messages = [{'role': 'assistant' if i % 2 else 'user', 'content': content} for i, content in enumerate(contents)]
        code, text, _ = run('generate', '--model', self.model, '--greedy', '--max-new-tokens', 8, '--messages', '-',
                            stdin=json.dumps(messages))
        self.assertEqual(code, 0)
        return text

    def test_a_trained_model_answers_as_it_was_taught(self):
        self.assertEqual([self.generated(text).replace(' ', '') for text in ('dab', 'ecc')], ['dd\n', 'ee\n'])

    def test_each_answer_sees_the_messages_before_until_reset(self):
        first = self.generated('dab')
        second = self.generated('dab', first.rstrip('\n'), 'ecc')
        self.assertEqual(run(*self.talk, stdin='dab\necc\n'), (0, first + second, ''))
        self.assertEqual(run(*self.talk, stdin='dab\n/reset\n\ndab\n/exit\necc\n'), (0, first + first, ''))
        self.assertEqual(run(*self.talk, stdin='da\\\nb')[:2], (0, self.generated('da\nb')))

    def test_models_without_a_template_are_refused(self):
        code, text, said = run('chat', '--model', self.folder / 'init', stdin='a\n')
        self.assertEqual((code, text), (1, ''))
        self.assertIn('has no chat template', said)

    def test_a_person_sees_a_prompt_and_ends_answers_with_ctrl_c(self):
        master, slave = os.openpty()
        endless = self.folder / 'endless'  # its end token is one that it never writes
        shutil.copytree(self.model, endless)
        for file in ('config.json', 'generation_config.json'):
            (endless / file).write_text(json.dumps({**json.loads((endless / file).read_text()), 'eos_token_id': 0}))
        talk = OnTerminal('chat', '--model', endless, '--greedy', '--max-new-tokens', 10000000, stdin=slave, stdout=subprocess.PIPE)
        self.assertIn(b'> ', talk.read(20, until=b'> '))
        os.write(master, b'dab\n')
        self.assertTrue(os.read(talk.process.stdout.fileno(), 1))
        os.kill(talk.process.pid, signal.SIGINT)
        self.assertIn(b'> ', talk.read(20, until=b'> '))
        os.write(master, b'/exit\n')
        self.assertEqual(talk.end(), 0)
        talk.process.stdout.close()
        os.close(master)
        os.close(slave)


if __name__ == '__main__':
    PROGRAM = command_line_test.PROGRAM = sys.argv.pop(1)
    unittest.main()
