#!/usr/bin/env python3
"""Runs qkv embed on the models of tests/goldens/embeddings: its forms of output, and what it refuses.

    tests/embedding_test.py build/qkv
"""
import array
import ast
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

QKV = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
GOLDENS = pathlib.Path(__file__).resolve().parent / 'goldens' / 'embeddings'
MEAN, PROMPTS = GOLDENS / 'mean_normalize', GOLDENS / 'cls_dense_prompts'


def run(*arguments, stdin=''):
    return subprocess.run([QKV, 'embed', *map(str, arguments)], input=stdin.encode(), capture_output=True, timeout=120)


def load_npy(path):
    """(shape, values) of a matrix of f32."""
    data = path.read_bytes()
    assert data[:8] == b'\x93NUMPY\x01\x00', data[:8]
    end = 10 + int.from_bytes(data[8:10], 'little')
    header = ast.literal_eval(data[10:end].decode())
    assert header['descr'] == '<f4' and not header['fortran_order'] and end % 64 == 0, header
    return header['shape'], array.array('f', data[end:]).tolist()


class Embed(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

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

    def test_json_and_numpy_hold_the_same_vectors(self):
        lines = 'the boat is old\n\nvery good\n'
        out = self.folder / 'x.npy'
        printed, _ = self.works('--model', MEAN, stdin=lines)
        self.works('--model', MEAN, '--output', out, stdin=lines)
        rows = [json.loads(line) for line in printed.splitlines()]
        self.assertEqual([row['line'] for row in rows], [1, 2, 3])
        shape, values = load_npy(out)
        self.assertEqual(shape, (3, 16))
        self.assertEqual(array.array('f', [x for row in rows for x in row['embedding']]).tolist(), values)
        self.works('--model', MEAN, '--output', self.folder / 'x.jsonl', '--json', stdin=lines)
        self.assertEqual((self.folder / 'x.jsonl').read_text(), printed)
        self.works('--model', MEAN, '--output', out, '--truncate-dim', 4)
        self.assertEqual(load_npy(out), ((0, 4), []))

    def test_similarities_of_pairs_and_of_two_files(self):
        pairs, _ = self.works('--model', MEAN, '--similarity', stdin='the boat\tthe boat\nthe boat\tvery good\n')
        same, other = map(float, pairs.split())
        self.assertAlmostEqual(same, 1, places=5)
        self.assertLess(other, 0.999)
        second = self.folder / 'second'
        second.write_text('the boat\nvery good\n')
        self.assertEqual(self.works('--model', MEAN, '--similarity', '--second', second, stdin='the boat\nthe boat\n')[0], pairs)
        self.refused(1, ['line 2', 'no tab'], '--model', MEAN, '--similarity', stdin='a\tb\nc\n')
        self.refused(1, ['line 1', 'more than one tab'], '--model', MEAN, '--similarity', stdin='a\tb\tc\n')
        self.refused(1, ['has 1 lines', 'has 2'], '--model', MEAN, '--similarity', '--second', second, stdin='a\n')

    def test_the_nearest_line_is_the_line_itself(self):
        among = self.folder / 'among'
        among.write_text('very good\nthe boat is old\nnew rivers\n')
        found, _ = self.works('--model', MEAN, '--neighbours', among, '-k', 2, stdin='the boat is old\nvery good\n')
        rows = [line.split('\t') for line in found.splitlines()]
        self.assertEqual([(row[0], row[1], row[3]) for row in rows[::2]], [('1', '2', 'the boat is old'), ('2', '1', 'very good')])
        self.assertEqual(len(rows), 4)
        first = json.loads(self.works('--model', MEAN, '--neighbours', among, '--json', stdin='very good\n')[0])
        self.assertEqual([each['line'] for each in first['neighbours']][0], 1)
        self.assertEqual(len(first['neighbours']), 3)

    def test_prompts_have_names(self):
        one, two = (self.works('--model', PROMPTS, '--prompt', name, stdin='the boat\n')[0] for name in ('query', 'passage'))
        self.assertNotEqual(one, two)
        self.assertEqual(two, self.works('--model', PROMPTS, stdin='the boat\n')[0])
        self.refused(2, ['--prompt', '"question"', 'passage, query'], '--model', PROMPTS, '--prompt', 'question', stdin='the boat\n')

    def test_long_lines_are_cut_and_named(self):
        _, message = self.works('--model', MEAN, stdin='boat\n' + 'boat ' * 50 + '\n')
        self.assertIn('line 2', message)
        self.assertIn('12 tokens', message)

    def test_what_does_not_fit_is_one_line(self):
        broken = self.folder / 'broken'
        shutil.copytree(PROMPTS, broken)
        modules = json.loads((broken / 'modules.json').read_text())
        for change, mention in (({'path': '../x'}, 'leaves the directory'), ({'type': 'custom_st.Layer'}, 'custom_st.Layer')):
            (broken / 'modules.json').write_text(json.dumps([*modules[:2], {**modules[2], **change}, *modules[3:]]))
            self.refused(1, [mention], '--model', broken, stdin='a\n')
        (broken / 'modules.json').write_text(json.dumps(modules[:1]))
        self.refused(1, ['no Pooling'], '--model', broken, stdin='a\n')
        self.refused(2, ['--truncate-dim 100', '16 values'], '--model', MEAN, '--truncate-dim', 100, stdin='a\n')
        self.refused(2, ['-k', '0'], '--model', MEAN, '-k', 0, stdin='a\n')
        self.refused(2, ['--k', '--neighbours'], '--model', MEAN, '-k', 3, stdin='a\n')
        self.refused(2, ['--second', '--similarity'], '--model', MEAN, '--second', 'x', stdin='a\n')
        self.refused(1, ['nowhere'], '--model', MEAN, '--output', self.folder / 'nowhere' / 'x', stdin='a\n')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
