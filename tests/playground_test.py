#!/usr/bin/env python3
"""Plays with the lab's pages and with those of `qkv attention --html` in Chromium. Exit code 77 where there is none.

    tests/playground_test.py build/qkv [-k PATTERN]
"""
import base64
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import chromium

PROGRAM = ''
ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / 'src/lab/pages/playground/models'
SENTENCES = {'translator': ['three hundred forty-two thousand sixty-one', 'twenty-one', 'nine!'],
             'shakespeare': ['My lord, the king is', 'First Citizen: Before we proceed, hear me', 'x']}


def qkv(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done.stdout


def library_trace(folder, model, text):
    page = folder / 'trace.html'
    qkv('attention', '--model', model, f'--source={text}', '--html', page)
    return page, json.loads(re.search(r'id="trace">(.*?)</script>', page.read_text(), re.S).group(1))


def floats(step):
    return struct.unpack(f'<{step["rows"] * step["cols"]}f', base64.b64decode(step['data']))


def byte_pieces(merges):
    """GPT-2's letters of all bytes, and what the merges make."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))] + [''.join(pair.split(' ')) for pair in merges]


def tokenizer_json(name, vocabularies):
    """A tokenizer.json around a vocabulary of the playground."""
    common = {'version': '1.0', 'truncation': None, 'padding': None, 'added_tokens': [], 'post_processor': None, 'decoder': None}
    if name == 'bpe':
        return common | {'normalizer': None, 'pre_tokenizer': {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': True},
                         'model': {'type': 'BPE', 'vocab': {piece: i for i, piece in enumerate(byte_pieces(vocabularies['bpe']))}, 'merges': vocabularies['bpe']}}
    if name == 'wordpiece':
        return common | {'normalizer': {'type': 'BertNormalizer', 'clean_text': True, 'handle_chinese_chars': True, 'strip_accents': True, 'lowercase': True},
                         'pre_tokenizer': {'type': 'BertPreTokenizer'},
                         'model': {'type': 'WordPiece', 'unk_token': '[UNK]', 'continuing_subword_prefix': '##', 'max_input_chars_per_word': 100,
                                   'vocab': {piece: i for i, piece in enumerate(vocabularies['wordpiece'])}}}
    pieces = vocabularies['unigram']
    return common | {'normalizer': {'type': 'Sequence', 'normalizers': [{'type': 'NFC'}, {'type': 'Replace', 'pattern': {'Regex': '\\s+'}, 'content': ' '}, {'type': 'Strip', 'strip_left': True, 'strip_right': True}]},
                     'pre_tokenizer': {'type': 'Metaspace', 'replacement': '▁', 'prepend_scheme': 'always', 'split': False},
                     'model': {'type': 'Unigram', 'unk_id': next(i for i, (piece, _) in enumerate(pieces) if piece == '<unk>'), 'vocab': pieces}}


class Playground(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='qkv-playground-'))
        shutil.copytree(ROOT / 'docs/lab/score_scale', cls.folder / 'lab/score_scale')
        qkv('lab', 'report', cls.folder / 'lab')
        cls.page = chromium.Page(chromium.find_chromium())

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def setUp(self):
        self.page.faults.clear()

    def tearDown(self):
        self.assertEqual(self.page.faults, [])

    def open(self, name, language='en'):
        self.page.open(self.folder / f'lab/{language}/{name}.html')

    def test_every_matrix_agrees_with_the_library(self):
        self.open('playground')
        compared = 0
        for index, (model, sentences) in enumerate(SENTENCES.items()):
            self.page.run(f'playground.chooseModel({index})')
            for sentence in sentences:
                _, expected = library_trace(self.folder, MODELS / model, sentence)
                ours = self.page.run(f'''(() => {{ playground.text.value = {json.dumps(sentence)}; playground.run();
                    const {{ axes, steps }} = playground.trace;
                    return {{ axes, steps: [...steps].map(([id, m]) => [id, m.rows, m.cols, [...m.data].map((x) => x === -Infinity ? -1e300 : x)]) }}; }})()''')
                for axis in ('source', 'target'):
                    self.assertEqual(ours['axes'][axis], expected['axes'][axis])
                self.assertEqual([id for id, *_ in ours['steps']], [step['id'] for step in expected['steps']])
                for (id, rows, cols, values), step in zip(ours['steps'], expected['steps']):
                    self.assertEqual((rows, cols), (step['rows'], step['cols']), id)
                    for a, b in zip(values, floats(step)):
                        self.assertTrue(a == -1e300 if b == float('-inf') else abs(a - b) <= 1e-4 * max(1, abs(b)), f'{model}, {sentence!r}, {id}: {a} instead of {b}')
                    compared += len(values)
        print(f'{compared} numbers agree', file=sys.stderr)

    def test_tokenizers_agree_with_the_library(self):
        self.open('playground')
        vocabularies = json.loads((MODELS / 'tokenizers.json').read_text())
        texts = ['Tokenizers split unbelievably long words.', '注意力机制 is attention!', "We're naïve; café 100 %", 'a  b']
        for name, rule in (('bpe', 'new Bpe({ vocab: {}, merges: data.bpe }).steps(text).words.flat()'), ('wordpiece', 'new WordPiece(data.wordpiece).steps(text).words.flat()'),
                           ('unigram', 'new Unigram(data.unigram).steps(text).pieces')):
            folder = self.folder / name
            folder.mkdir()
            (folder / 'tokenizer.json').write_text(json.dumps(tokenizer_json(name, vocabularies)))
            (folder / 'texts').write_text('\n'.join(texts) + '\n')
            ids = [[int(id) for id in line.split()] for line in qkv('tokenizer', 'encode', '--tokenizer', folder, folder / 'texts').splitlines()]
            vocabulary = {'bpe': dict(enumerate(byte_pieces(vocabularies['bpe']))), 'wordpiece': dict(enumerate(vocabularies['wordpiece'])),
                          'unigram': {i: piece for i, (piece, _) in enumerate(vocabularies['unigram'])}}[name]
            for text, expected in zip(texts, ids):
                ours = self.page.run(f'(() => {{ const data = JSON.parse(document.getElementById("data").textContent).tokenizers, text = {json.dumps(text)}; return {rule}; }})()')
                known = set(vocabulary.values())
                # Neighbours that are unknown are one <unk> of the library.
                ours = [piece if piece in known else '<unk>' for piece in ours]
                ours = [piece for i, piece in enumerate(ours) if piece != '<unk>' or i == 0 or ours[i - 1] != '<unk>']
                self.assertEqual(ours, [vocabulary[id] for id in expected], f'{name}: {text}')

    def test_forty_interactions(self):
        self.open('playground')
        run, done = self.page.run, 0

        def act(script, expected=True):
            nonlocal done
            self.assertEqual(run(f'(() => {{ const $ = (s) => document.querySelector(s), type = (s, v) => {{ $(s).value = v; $(s).dispatchEvent(new Event("input")); }},'
                                 f' pick = (s, i) => {{ $(s).selectedIndex = i; $(s).dispatchEvent(new Event("change")); }}; {script} }})()'), expected, script)
            self.assertEqual(self.page.faults, [], script)
            done += 1

        before = run('document.getElementById("translation").textContent')
        self.assertEqual(before, 'dreihundertzweiundvierzigtausendeinundsechzig')
        for id in ('scaling', 'mask'):  # a switch changes numbers, says that nobody trained it so, and goes back
            act(f'const old = playground.trace.steps.get("output.logits").data.join(); $("#{id}").click(); return old !== playground.trace.steps.get("output.logits").data.join() || "{id}" === "mask"')
            act('return $(".result .note") !== null')
            act(f'$("#{id}").click(); return $("#translation").textContent', before)
        for kind in range(1, 4):
            act(f'pick("#positions", {kind}); return playground.trace.model.positions', ['none', 'rope', 'alibi'][kind - 1])
        act('$("#reset").click(); return $("#translation").textContent', before)
        act('$(".silence summary").click(); $("[data-head=\\"decoder.1.cross_attention.0\\"]").click(); return playground.options.silenced.size', 1)
        act('return $(".heads button.silenced") !== null')
        act('$("#reset").click(); return playground.options.silenced.size', 0)
        groups = run('[...playground.viewer.groups.keys()]')
        for group in groups:  # each part of the network
            act(f'$(".way [data-group=\\"{group}\\"]").click(); return document.querySelectorAll(".step").length > 0')
        act('document.querySelectorAll(".heads button")[6].click(); return [playground.viewer.group, playground.viewer.head].join()', 'encoder.1.self_attention,2')
        act('document.querySelectorAll(".choice button")[3].click(); return playground.viewer.head', 3)
        act('$(".numbers summary").click(); return new Promise((r) => setTimeout(() => r($(".numbers table") !== null), 50))')
        act('$("[data-step$=\\"weights.3\\"] canvas").focus(); return $(".inspector output").textContent.length > 0')
        for key in ('ArrowRight', 'ArrowDown', 'End', 'Home'):
            self.page.key(key)
            act('return $(".inspector .how").textContent.includes("Σ")')
        act('type("#target", "zweiundvierzig"); return new Promise((r) => setTimeout(() => r($("#translation").textContent), 300))', 'zweiundvierzig')
        act('type("#target", ""); type("#text", "seven"); return new Promise((r) => setTimeout(() => r($("#translation").textContent), 300))', 'sieben')
        act('type("#text", ""); return new Promise((r) => setTimeout(() => r($("#translation") !== null), 300))')
        act('pick("#model", 1); return document.querySelectorAll(".next").length', 8)
        act('const old = $("#text").value; $(".next").click(); return $("#text").value.length > old.length')
        act('$("#tile-size").value = 3; $("#tile-size").dispatchEvent(new Event("input")); return $("#tile-size").value', '3')
        for _ in range(3):
            act('[...document.querySelectorAll("#tiles-here button")].at(-1).click(); return $(".tiles table, .tiles p") !== null')
        act('type("#tokenizer-text", "BERT 的分词器"); return document.querySelectorAll(".tokenizer .chips").length > 2')
        for section in range(3):
            for _ in range(2):
                act(f'const s = document.querySelectorAll(".tokenizer")[{section}]; s.querySelectorAll("button")[1].click(); return s.querySelector(".state").textContent.length > 10')
        self.assertGreaterEqual(done, 40)
        loaded = run('Math.round(performance.getEntriesByType("navigation")[0].duration)')
        print(f'{done} interactions; the page was loaded in {loaded} ms', file=sys.stderr)

    def test_nothing_is_wider_than_the_window(self):
        for width in (360, 768, 1440):
            self.page.resize(width, 900)
            for language in ('en', 'zh'):
                for name in ('playground', 'index', 'scaling'):
                    self.open(name, language)
                    self.assertLessEqual(self.page.run('document.documentElement.scrollWidth'), width, f'{language}/{name}')
        self.page.resize(1440, 900)

    def test_search_finds_pages_in_both_languages(self):
        for language, words, page in (('en', 'saturation softmax', 'scaling.html'), ('zh', '饱和', 'scaling.html')):
            self.open('index', language)
            found = self.page.run(f'search.value = {json.dumps(words)}; search.dispatchEvent(new Event("input")); [...results.querySelectorAll("a")].map((a) => a.getAttribute("href"))')
            self.assertIn(page, found)
            self.assertEqual(self.page.run('search.value = "xyzzyq"; search.dispatchEvent(new Event("input")); results.querySelectorAll("a").length'), 0)
        self.page.open((self.folder / 'lab/en/index.html').as_uri() + '?q=cache')
        self.assertGreater(self.page.run('results.querySelectorAll("a").length'), 0)

    def test_pages_of_other_models_show_every_matrix(self):
        (self.folder / 'letters').write_text('abcd\n')
        qkv('tokenizer', 'train', '--model', 'char', '--output', self.folder / 'characters', self.folder / 'letters')
        for model in ('models/marian_post_norm', 'models/pegasus_pre_norm', 'models/t5', 'causal_models/gpt2', 'causal_models/qwen3', 'encoder_models/masked_lm',
                      'encoder_models/albert_masked_lm', 'encoder_models/classifier', 'encoder_models/pooler'):
            with self.subTest(model):
                directory = self.folder / model
                shutil.copytree(ROOT / 'tests/goldens' / model, directory)
                for file in (self.folder / 'characters').iterdir():
                    shutil.copy(file, directory)
                page, trace = library_trace(self.folder, directory, 'abc')
                self.page.open(page)
                self.assertEqual(self.page.run('viewer.trace.steps.size'), len(trace['steps']))
                self.assertEqual(self.page.run('document.querySelectorAll(".heads button").length'), sum(part['heads'] for part in trace['parts'].values()))
                explained = self.page.run('''(() => {
                    for (const [group, steps] of viewer.groups) {
                      viewer.choose(group);
                      if (document.querySelectorAll('.step').length === 0) return `nothing in ${group}`;
                      for (const step of steps) {
                        viewer.say(step, 0, 0);
                        if (/undefined|NaN/.test(document.querySelector('.inspector').textContent)) return step.id + document.querySelector('.inspector').textContent;
                      }
                    }
                    return '';
                  })()''')
                self.assertEqual(explained, '')


if __name__ == '__main__':
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    if not chromium.find_chromium():
        print('SKIPPED: there is no Chromium; scripts/deps --browser installs it', file=sys.stderr)
        sys.exit(77)
    unittest.main()
