#!/usr/bin/env python3
"""What qkv saves, transformers opens: no tensor is missing, unexpected or of another shape, and the outputs are those of the original.

    tests/saved_directories_test.py build/qkv [-k PATTERN]

Makes a small random model of every class of transformers that qkv opens, converts it with `qkv convert` and opens the result. Needs torch and
transformers, in this interpreter or in $QKV_PEERS_PYTHON; exit code 77 without them.
"""
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]
QKV = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None

if importlib.util.find_spec('transformers') is None or importlib.util.find_spec('torch') is None:
    peers = os.environ.get('QKV_PEERS_PYTHON')
    if peers and not os.environ.get('QKV_PEERS_TRIED'):
        os.execve(peers, [peers, *sys.argv], os.environ | {'QKV_PEERS_TRIED': '1'})
    print(f'SKIPPED: {sys.executable} has no transformers; set QKV_PEERS_PYTHON to a Python that has it', file=sys.stderr)
    sys.exit(77)

import safetensors.torch
import torch
import transformers

sys.path.insert(0, str(ROOT / 'tools/golden'))
import encoder_decoders
import encoder_models
import newer_encoders

GOLDENS = ROOT / 'tests/goldens/encoder_models'
SEED = 5
DECODERS = ('ForCausalLM', 'LMHeadModel', 'Mistral3ForConditionalGeneration', 'Gemma3ForConditionalGeneration')  # ends of their classes' names


def convert(source, target):
    done = subprocess.run([QKV, '-q', 'convert', source, target], capture_output=True, text=True, timeout=120)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(done.stderr)


def spread(model):
    encoder_models.spread_weights(model, SEED)
    for name, weight in model.named_buffers():
        if name == 'final_logits_bias':
            weight.copy_(0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(SEED)))
    return model


def encoders():
    """Pairs of a name and a model: those of the goldens, whose settings vary, and the heads that have no golden."""
    t = transformers
    yield from encoder_models.models()
    yield from encoder_models.family_models()
    newer = dict(newer_encoders.families())
    yield from newer.items()
    roberta = {**encoder_models.SIZES, 'type_vocab_size': 1}
    for prefix in ('XLMRoberta', 'Camembert'):
        yield prefix + '_multiple_choice', getattr(t, prefix + 'ForMultipleChoice')(getattr(t, prefix + 'Config')(**roberta))
    yield 'mpnet_multiple_choice', t.MPNetForMultipleChoice(t.MPNetConfig(**encoder_models.SIZES))
    albert = {**encoder_models.SIZES, 'embedding_size': 10, 'num_hidden_layers': 4, 'num_hidden_groups': 2}
    yield 'albert_multiple_choice', t.AlbertForMultipleChoice(t.AlbertConfig(**albert))
    distilbert = dict(vocab_size=encoder_models.VOCABULARY, dim=18, hidden_dim=20, n_layers=2, n_heads=3, max_position_embeddings=41)
    yield 'distilbert_multiple_choice', t.DistilBertForMultipleChoice(t.DistilBertConfig(**distilbert))
    yield from ((name, model) for name, model in newer_encoders.with_decoders() if name not in newer)


def encoder_decoder_models():
    t, t5, bart = transformers, encoder_decoders.T5, encoder_decoders.BART
    yield 't5', t.T5ForConditionalGeneration(t.T5Config(**t5))
    yield 't5_v1_1', t.T5ForConditionalGeneration(t.T5Config(**t5, feed_forward_proj='gated-gelu', tie_word_embeddings=False))
    yield 'mt5', t.MT5ForConditionalGeneration(t.MT5Config(**t5))
    yield 'umt5', t.UMT5ForConditionalGeneration(t.UMT5Config(**t5))
    yield 'bart', t.BartForConditionalGeneration(t.BartConfig(**bart))
    yield 'bart_scaled', t.BartForConditionalGeneration(t.BartConfig(**bart, scale_embedding=True, activation_function='relu'))
    yield 'mbart', t.MBartForConditionalGeneration(t.MBartConfig(**bart | {'scale_embedding': True}))
    yield 'm2m100', t.M2M100ForConditionalGeneration(t.M2M100Config(**bart))
    even = bart | {'d_model': 24}
    yield 'marian', t.MarianMTModel(t.MarianConfig(**even))
    yield 'pegasus', t.PegasusForConditionalGeneration(t.PegasusConfig(**even))


def texts_of(config):
    """Two texts in one padded batch, the second one shorter: keyword arguments of a model."""
    pad = config.pad_token_id if config.pad_token_id is not None else 0
    first = ([id for id in range(7, 22) if id != pad] * 2)[:getattr(config, 'max_position_embeddings', 40) - 2]
    second = first[3:12]
    if hasattr(config, 'num_decoder_layers') or hasattr(config, 'decoder_layers'):  # labels are predicted from the end of a text
        first[-1] = second[-1] = config.eos_token_id
    ids = torch.tensor([first, second + [pad] * (len(first) - 9)])
    inputs = {'input_ids': ids, 'attention_mask': torch.tensor([[1] * len(first), [1] * 9 + [0] * (len(first) - 9)])}
    if getattr(config, 'type_vocab_size', 0) and config.type_vocab_size > 1:
        inputs['token_type_ids'] = torch.tensor([[0] * 6 + [1] * (len(first) - 6)] * 2)
    return inputs


def outputs_of(model):
    config = model.config
    inputs = texts_of(config)
    with torch.no_grad():
        if config.is_encoder_decoder and hasattr(model, 'lm_head'):
            found = model(**inputs, decoder_input_ids=torch.tensor([[config.decoder_start_token_id, 9, 5, 12], [config.decoder_start_token_id, 3, 7, 8]]))
            words = model.generate(**inputs, max_new_tokens=8, num_beams=1, do_sample=False)
            return {'logits': found.logits, 'words': words}
        found = encoder_models.run(model, inputs, type(model).__name__.endswith('MultipleChoice'))
    results = found if isinstance(found, dict) else vars(found)
    kept = inputs['attention_mask'].bool()
    tensors = {key: value for key, value in results.items() if isinstance(value, torch.Tensor)}
    return {key: value[kept] if value.shape[:2] == kept.shape else value for key, value in tensors.items()}


def opened(kind, folder, **arguments):
    """The model, and what transformers says of the files."""
    model, report = kind.from_pretrained(folder, output_loading_info=True, attn_implementation='eager', dtype=torch.float32, **arguments)
    return model.eval(), {key: value for key, value in report.items() if value}


class SavedDirectories(unittest.TestCase):
    covered = set()

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def compare(self, name, expected, found):
        self.assertEqual(expected.keys(), found.keys(), name)
        for key, value in expected.items():
            self.assertEqual(value.shape, found[key].shape, (name, key))
            self.assertTrue(torch.isfinite(value).all(), (name, key))
            self.assertLess((value - found[key]).abs().max().item(), 2e-4, (name, key))

    def check(self, name, model):
        kind = type(model)
        before, after = self.folder / name, self.folder / (name + '.saved')
        arguments = {'add_pooling_layer': False} if name == 'bert_without_pooler' else {}
        spread(model).eval().save_pretrained(before)
        convert(before, after)
        original, report = opened(kind, before, **arguments)
        self.assertEqual(report, {}, name)
        saved, report = opened(kind, after, **arguments)
        self.assertEqual(report, {}, name)
        settings = json.loads((after / 'config.json').read_text())
        self.assertEqual(settings['architectures'], [kind.__name__], name)
        self.assertIs(type(transformers.AutoConfig.from_pretrained(after)), type(original.config), name)
        self.compare(name, outputs_of(original), outputs_of(saved))
        self.covered.add(kind.__name__)

    def test_encoders(self):
        for name, model in encoders():
            with self.subTest(name):
                self.check(name, model)

    def test_encoder_decoders(self):
        for name, model in encoder_decoder_models():
            with self.subTest(name):
                self.check(name, model)

    def test_the_second_head_of_pretraining_is_left(self):
        """Classes with a head for hidden tokens and one for pairs of sentences are read, and written with the first one alone."""
        albert = {**encoder_models.SIZES, 'embedding_size': 10, 'num_hidden_groups': 1}
        for prefix, sizes in (('Bert', encoder_models.SIZES), ('Albert', albert)):
            with self.subTest(prefix):
                before, after = self.folder / prefix, self.folder / (prefix + '.saved')
                model = getattr(transformers, prefix + 'ForPreTraining')(getattr(transformers, prefix + 'Config')(**sizes))
                spread(model).eval().save_pretrained(before)
                convert(before, after)
                saved, report = opened(getattr(transformers, prefix + 'ForMaskedLM'), after)
                self.assertEqual(report, {})
                expected = outputs_of(opened(type(model), before)[0])['prediction_logits']
                self.compare(prefix, {'logits': expected}, outputs_of(saved))
                self.covered.add(type(model).__name__)

    def test_authors_own_files(self):
        """Files without a class in transformers: GTE's "new" is written as GteModel, JinaBERT with the names and keys that it has."""
        for name, kind in (('new_model', transformers.GteModel), ('new_classifier', transformers.GteForSequenceClassification)):
            with self.subTest(name):
                convert(GOLDENS / name, self.folder / name)
                model, report = opened(kind, self.folder / name)
                self.assertEqual(report, {})
                expected = json.loads((GOLDENS / name / 'expected.json').read_text())
                rows = []
                for ids, types in zip(expected['sequences'], expected['token_types']):
                    result = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]))
                    rows.append(result.last_hidden_state[0] if kind is transformers.GteModel else result.logits)
                logits = safetensors.torch.load_file(GOLDENS / name / 'expected.safetensors')['logits']
                self.compare(name, {'logits': logits}, {'logits': torch.cat(rows).detach()})
        for before in sorted(GOLDENS.glob('jina_bert_*')):
            with self.subTest(before.name):
                after = self.folder / before.name
                convert(before, after)
                tensors, found = (safetensors.torch.load_file(folder / 'model.safetensors') for folder in (before, after))
                self.assertEqual(tensors.keys(), found.keys())
                self.assertTrue(all(torch.equal(value, found[key]) for key, value in tensors.items()))
                settings, kept = (json.loads((folder / 'config.json').read_text()) for folder in (before, after))
                self.assertEqual(settings, {key: kept[key] for key in settings})

    def test_zz_every_class_was_saved(self):
        """The classes that qkv names in its refusals, but those of decoders and those that transformers does not have."""
        def refusal(type):
            folder = self.folder / 'unknown'
            folder.mkdir(exist_ok=True)
            (folder / 'config.json').write_text(json.dumps({'architectures': ['NoSuchModel'], 'model_type': type}))
            safetensors.torch.save_file({'a': torch.zeros(1)}, folder / 'model.safetensors')
            return subprocess.run([QKV, 'convert', folder, self.folder / 'none'], capture_output=True, text=True).stderr

        types = re.search(r'models of the types (.*)', refusal('nothing')).group(1).split(', ')
        classes = {name for type in types for name in re.search(r'of the type ".*?" there are (.*)', refusal(type)).group(1).split(', ')}
        classes = {name for name in classes if hasattr(transformers, name) and not name.endswith(DECODERS)}
        self.assertGreater(len(classes), 75)
        self.assertEqual(classes - self.covered, set())


if __name__ == '__main__':
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
