#!/usr/bin/env python3
"""Runs qkv tag, answer, fill-mask, classify, choose and eval on the models of tests/goldens: their forms of output, and what they refuse.

    tests/heads_test.py build/qkv
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

QKV = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
GOLDENS = pathlib.Path(__file__).resolve().parent / 'goldens'
HEADS = GOLDENS / 'heads'


def run(*arguments, stdin=b''):
    return subprocess.run([QKV, *map(str, arguments)], input=stdin if isinstance(stdin, bytes) else stdin.encode(), capture_output=True, timeout=120)


class Heads(unittest.TestCase):
    def works(self, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def refused(self, code, mentions, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        message = done.stderr.decode()
        self.assertEqual(message.count('\n'), 1, message)
        for each in mentions:
            self.assertIn(each, message)

    def columns(self, *arguments, **options):
        return [line.split('\t') for line in self.works(*arguments, **options)[0].splitlines()]

    def test_tag_prints_spans_of_lines(self):
        model = HEADS / 'tag_word_pieces'
        lines = 'John Smith went to Berlin.\n\nthe old boat is in Paris\n'
        found = self.columns('tag', '--model', model, '--outside', stdin=lines)
        self.assertEqual({each[0] for each in found}, {'1', '3'})
        for line, begin, end, _, score, text in found:
            self.assertEqual(lines.split('\n')[int(line) - 1][int(begin):int(end)], text)
            self.assertLessEqual(float(score), 1)
        objects = [json.loads(line) for line in self.works('tag', '--model', model, '--outside', '--json', stdin=lines)[0].splitlines()]
        self.assertEqual([each['line'] for each in objects], [1, 2, 3])
        self.assertEqual(objects[1]['entities'], [])
        self.assertEqual(sum(len(each['entities']) for each in objects), len(found))
        tokens = self.columns('tag', '--model', model, '--aggregation', 'none', '--outside', stdin='John Smith\n')
        self.assertEqual([each[5] for each in tokens], ['John', 'Smith'])
        self.assertIn('line 1: not valid UTF-8', self.works('tag', '--model', model, stdin=b'\xff\n')[1])
        self.refused(2, ['--stride 22', 'room for 22 tokens'], 'tag', '--model', model, '--stride', 22, stdin='a\n')
        self.refused(1, ['labels no tokens', 'qkv answer'], 'tag', '--model', GOLDENS / 'answers' / 'word_pieces')

    def test_answer_reads_pairs_or_one_text(self):
        model = GOLDENS / 'answers' / 'word_pieces'
        text = 'John Smith went to Berlin in the old boat.'
        options = ['--model', model, '--window', 24]
        pairs = self.columns('answer', *options, '--top-k', 2, stdin=f'Is the boat old?\t{text}\n')
        self.assertEqual([each[0] for each in pairs], ['1', '1'])
        for _, begin, end, _, answer in pairs:
            self.assertEqual(text[int(begin):int(end)], answer)
        with tempfile.NamedTemporaryFile('w') as file:
            file.write(text)
            file.flush()
            self.assertEqual(self.columns('answer', *options, '--top-k', 2, '--context', file.name, stdin='Is the boat old?\n'), pairs)
        answers = json.loads(self.works('answer', *options, '--json', '--no-answer', '--top-k', 99, stdin=f'old?\t{text}\n')[0])['answers']
        self.assertIn('', [each['text'] for each in answers])
        self.refused(1, ['line 2 has no tab', 'a question, a tab'], 'answer', *options, stdin='a\tb\nc\n')
        self.refused(2, ['--window'], 'answer', '--model', model, '--window', 0)

    def test_fill_mask_prints_the_likeliest_tokens(self):
        model = HEADS / 'fill_word_pieces'
        found = self.columns('fill-mask', '--model', model, stdin='the [MASK] is old\n[MASK] went to [MASK]\n')
        self.assertEqual([each[:2] for each in found], [['1', '1']] * 5 + [['2', '1']] * 5 + [['2', '2']] * 5)
        self.assertEqual(found[0][4], f'the {found[0][3]} is old')
        chosen = self.columns('fill-mask', '--model', model, '--targets', 'boat,river', stdin='the [MASK] is old\n')
        self.assertEqual({each[3] for each in chosen}, {'boat', 'river'})
        masks = json.loads(self.works('fill-mask', '--model', model, '--top-k', 1, '--json', stdin='[MASK] [MASK]\n')[0])['masks']
        self.assertEqual([len(mask) for mask in masks], [1, 1])
        self.refused(1, ['line 2 has no [MASK]'], 'fill-mask', '--model', model, stdin='[MASK]\nnothing\n')
        self.refused(2, ['--targets', 'empty word'], 'fill-mask', '--model', model, '--targets', 'a,,b')

    def test_classify_reads_pairs(self):
        model = HEADS / 'classify_one_word_pieces'
        expected = json.loads((model / 'expected.json').read_text())
        lines = ''.join(f'{first}\t{second}\n' for first, second in expected['pairs'])
        for line, scores in zip(self.columns('classify', '--model', model, '--pairs', '--all', stdin=lines), expected['scores']):
            self.assertEqual(len(line), 6)
            for label, score in zip(line[::2], line[1::2]):
                self.assertAlmostEqual(float(score), scores[int(label[6:])], places=4)
        objects = [json.loads(line) for line in self.works('classify', '--model', model, '--pairs', '--json', '--top-k', 2, stdin=lines)[0].splitlines()]
        self.assertEqual([len(each['labels']) for each in objects], [2] * 4)
        raw, = self.columns('classify', '--model', model, '--scores', 'none', '--all', stdin='the boat\n')
        self.assertNotAlmostEqual(sum(map(float, raw[1::2])), 1)
        self.refused(1, ['line 1 has no tab', 'two texts'], 'classify', '--model', model, '--pairs', stdin='a\n')
        self.refused(2, ['--all', '--top-k'], 'classify', '--model', model, '--all', '--top-k', 2)
        number, = self.columns('classify', '--model', HEADS / 'classify_number_word_pieces', '--pairs', stdin='boats\t.\n')
        self.assertEqual(number[0], 'LABEL_0')

    def test_choose_prints_the_likeliest_choice(self):
        model = HEADS / 'choose_word_pieces'
        expected = json.loads((model / 'expected.json').read_text())
        lines = ''.join('\t'.join([text, *choices]) + '\n' for text, choices in expected['questions'])
        for (text, choices), scores, line in zip(expected['questions'], expected['scores'], self.columns('choose', '--model', model, stdin=lines)):
            best = scores.index(max(scores))
            self.assertEqual([line[0], line[2]], [str(best + 1), choices[best]])
            self.assertAlmostEqual(float(line[1]), scores[best], places=4)
        every = self.columns('choose', '--model', model, '--all', stdin=lines)
        self.assertEqual([len(line) for line in every], [3 * len(choices) for _, choices in expected['questions']])
        objects = [json.loads(line) for line in self.works('choose', '--model', model, '--json', stdin=lines)[0].splitlines()]
        self.assertEqual([[each['text'] for each in found['choices']] for found in objects], [line[2::3] for line in every])
        self.assertIn('1 lines have choices that are cut', self.works('choose', '--model', model, stdin=lines)[1])
        self.refused(1, ['line 2 has one choice'], 'choose', '--model', model, stdin='a\tb\tc\nd\te\n')
        self.refused(1, ['scores no choices', 'qkv tag'], 'choose', '--model', HEADS / 'tag_word_pieces')

    def test_eval_scores_choices(self):
        model = HEADS / 'choose_word_pieces'
        expected = json.loads((model / 'expected.json').read_text())
        right = [0, 1, 2, 1]
        lines = ''.join('\t'.join([text, *choices, str(answer + 1)]) + '\n' for (text, choices), answer in zip(expected['questions'], right))
        found = json.loads(self.works('eval', '--model', model, '--choices', '/dev/stdin', '--json', stdin=lines)[0])
        scores = [each[answer] for each, answer in zip(expected['scores'], right)]
        self.assertAlmostEqual(found['loss'], -sum(map(math.log, scores)) / 4, places=4)
        self.assertEqual([found['right'], found['questions']], [sum(score == max(each) for score, each in zip(scores, expected['scores'])), 4])
        printed, notes = self.works('eval', '--model', model, '--choices', '/dev/stdin', stdin=lines)
        self.assertIn(f"accuracy {25 * found['right']:.2f} % ({found['right']} of 4 questions)", printed)
        self.assertIn('1 questions have choices that are cut', notes)
        self.refused(1, ['line 2', 'ends in "3", which is none of 1 to 2'], 'eval', '--model', model, '--choices', '/dev/stdin', stdin='a\tb\tc\t1\nd\te\tf\t3\n')
        self.refused(1, ['line 1 has fewer than two choices'], 'eval', '--model', model, '--choices', '/dev/stdin', stdin='a\tb\t1\n')
        self.refused(2, ['--choices', '--tags', 'one of them'], 'eval', '--model', 'x', '--tags', 'a', '--choices', 'b')

    def test_eval_scores_labels_numbers_and_tags(self):
        models = {each['model']: each for each in json.loads((GOLDENS / 'label_scores/expected.json').read_text())['models']}
        for model, option in (('classify_several_word_pieces', '--classification'), ('classify_number_word_pieces', '--classification'), ('tag_word_pieces', '--tags')):
            arguments = ['eval', '--model', HEADS / model, option, '/dev/stdin', *(['--pairs'] if option == '--classification' else [])]
            printed, _ = self.works(*arguments, '--json', stdin=models[model]['file'])
            found = json.loads(printed)
            for key, value in models[model]['scores'].items():
                if key != 'labels':
                    self.assertAlmostEqual(found[key], value, places=4, msg=(model, key))
            text, message = self.works(*arguments, stdin=models[model]['file'])
            self.assertIn({'--tags': 'entities: precision'}.get(option, 'match' if 'several' in model else 'Pearson'), text)
            self.assertEqual('are not scored' in message, option == '--tags')
        self.refused(2, ['--tags', '--classification', 'one of them'], 'eval', '--model', 'x', '--tags', 'a', '--classification', 'b')
        self.refused(2, ['--pairs goes with --classification'], 'eval', '--model', 'x', '--tags', 'a', '--pairs')
        self.refused(2, ['--second-column goes with --pairs'], 'eval', '--model', 'x', '--classification', 'a', '--second-column', 'b')

    def test_inspect_names_the_command(self):
        for model, command in (('heads/tag_word_pieces', 'tag'), ('answers/word_pieces', 'answer'), ('heads/fill_byte_pairs', 'fill-mask'),
                               ('heads/classify_one_word_pieces', 'classify'), ('encoder_models/bert_next_sentence', 'classify'), ('heads/choose_word_pieces', 'choose')):
            self.assertIn(f'qkv {command}', self.works('inspect', GOLDENS / model)[0])
            self.assertIn(f'qkv {command}', json.loads(self.works('inspect', GOLDENS / model, '--json')[0])['use'])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
