#!/usr/bin/env python3
"""Writes what mutation starts from, a folder for each fuzz target: small files of every kind, most of them those of the golden tests.

    fuzz/seeds.py FOLDER
"""
import base64
import contextlib
import gzip
import itertools
import json
import pathlib
import struct
import sys
import zipfile

GOLDENS = pathlib.Path(__file__).resolve().parent.parent / 'tests/goldens'
ROOT = pathlib.Path(sys.argv[1])


def write(target: str, name: str, content: bytes) -> None:
    folder = ROOT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def gguf(values: dict) -> bytes:
    """Keys under tokenizer.ggml: strings, integers, and lists of strings, floats or integers."""
    def text(value: str) -> bytes:
        return struct.pack('<Q', len(value.encode())) + value.encode()

    body = b''
    for key, value in values.items():
        body += text('tokenizer.ggml.' + key)
        if isinstance(value, str):
            body += struct.pack('<I', 8) + text(value)
        elif isinstance(value, int):
            body += struct.pack('<II', 4, value)
        elif isinstance(value[0], str):
            body += struct.pack('<IIQ', 9, 8, len(value)) + b''.join(map(text, value))
        else:
            code, number = (6, '<f') if isinstance(value[0], float) else (5, '<i')
            body += struct.pack('<IIQ', 9, code, len(value)) + b''.join(struct.pack(number, each) for each in value)
    return b'GGUF' + struct.pack('<IQQ', 3, 0, len(values)) + body


for path in (GOLDENS / 'tokenizer/pipelines').glob('*.json'):
    write('tokenizer_json', path.name, json.dumps(json.loads(path.read_text())['tokenizer'], ensure_ascii=False).encode())
files = GOLDENS / 'tokenizer_files'
for name, model in json.loads((files / 'sentencepiece.json').read_text())['models'].items():
    write('sentencepiece_model', name, base64.b64decode(model['model']))
ranks = json.loads((files / 'tiktoken.json').read_text())['ranks'].encode()
for choice in range(6):
    write('tiktoken_ranks', str(choice), bytes([choice]) + ranks)
write('tekken', '0', json.loads((files / 'tekken.json').read_text())['file'].encode())
for name, case in json.loads((files / 'transformers.json').read_text())['cases'].items():
    content = {file: base64.b64decode(text) if file.endswith('.spm') else text.encode() for file, text in case['files'].items()}
    if 'vocab.txt' in content:
        write('vocab_txt', name, content['vocab.txt'])
    if 'merges.txt' in content:
        write('vocab_merges', name, content['vocab.json'] + b'\xff' + content['merges.txt'])
    if 'source.spm' in content:
        write('marian_files', name, content['vocab.json'] + b'\xff' + content['source.spm'])
    write('tokenizer_config', name, content.get('tokenizer_config.json', b'{}') + b'\xff{"cls_token": "[CLS]", "unk_token": {"content": "[UNK]"}}\xff{"new": 6}')
tokens = ['<unk>', '<s>', '</s>', '\u2581', 'a', 'b', 'ab', '\u2581ab']
scores, types = [0.0, 0.0, 0.0, -4.0, -5.0, -6.0, -1.0, -2.0], [2, 3, 3, 1, 1, 1, 1, 1]
for model in ('llama', 't5'):
    write('gguf_vocabulary', model, gguf({'model': model, 'tokens': tokens, 'scores': scores, 'token_type': types, 'bos_token_id': 1}))
for pre in ('gpt-2', 'llama-bpe', 'qwen2'):
    write('gguf_vocabulary', pre, gguf({'model': 'gpt2', 'pre': pre, 'tokens': ['a', 'b', '\u0120', 'ab', '\u0120ab', '<end>'], 'token_type': [1, 1, 1, 1, 1, 3],
                                        'merges': ['a b', '\u0120 ab']}))
write('gguf_vocabulary', 'bert', gguf({'model': 'bert', 'tokens': ['[UNK]', '[CLS]', '[SEP]', '\u2581ab', 'a', 'b', '\u2581a'], 'cls_token_id': 1,
                                      'seperator_token_id': 2, 'unknown_token_id': 0}))
for name, text in (('csv', 'id,text,label\n1,"a ""good"" one, with\na line end",yes\n2,bad,no\n'), ('semicolons', 'text;label\nx;1\ny;2\n'),
                   ('tabs', 'text\tlabel\na "b\tyes\nc\tno\n'), ('lines', 'sentence\tlabel\nfine\t1\nnot fine\t0\n'),
                   ('json', '{"text": "a\\u00e9", "label": {"name": 1}}\n{"text": "b", "label": {"name": true}}\n')):
    write('tables', name, text.encode())
packed = [b'plain\r\nlines\n', gzip.compress(b'one line\nand another\n'), base64.b64decode('KLUv/QRYqQAAb25lIGxpbmUKYW5kIGFub3RoZXIKXmZA/w==')]
for number, (first, second) in enumerate(itertools.product(packed, repeat=2)):
    half = max(len(first), len(second))  # the target cuts its input in the middle
    write('packed_text', str(number), first + b'\n' * (half - len(first)) + second + b'\n' * (half - len(second)))

weights = GOLDENS / 'weight_files'
for path in weights.glob('*.bin'):
    write('pytorch_file', path.name, path.read_bytes())
    with contextlib.suppress(zipfile.BadZipFile):
        archive = zipfile.ZipFile(path)
        write('pickle', path.name, archive.read(next(name for name in archive.namelist() if name.endswith('data.pkl'))))
write('npz', 'marian', next((GOLDENS / 'marian_files').glob('*.npz')).read_bytes())
for path in (GOLDENS / 'marian_files').glob('*.yml'):
    write('yaml', path.name, path.read_bytes())
for path in GOLDENS.glob('*/*/config.json'):
    write('config_json', path.parent.name, path.read_bytes())
for name, (dtype, size) in {'f32': ('F32', 24), 'bf16': ('BF16', 12), 'i8': ('I8', 6)}.items():
    header = json.dumps({'__metadata__': {'format': 'pt'}, 'a': {'dtype': dtype, 'shape': [2, 3], 'data_offsets': [0, size]},
                         'b': {'dtype': dtype, 'shape': [], 'data_offsets': [size, size + size // 6]}}).encode()
    write('safetensors', name, struct.pack('<Q', len(header)) + header + bytes(size + size // 6))
modules = [{'idx': 0, 'name': '0', 'path': '', 'type': 'sentence_transformers.models.Transformer'},
           {'idx': 1, 'name': '1', 'path': '1_Pooling', 'type': 'sentence_transformers.models.Pooling'}]
pooling = {'word_embedding_dimension': 8, 'pooling_mode_cls_token': False, 'pooling_mode_mean_tokens': True, 'include_prompt': True}
whole = {'prompts': {'query': 'query: '}, 'default_prompt_name': 'query', 'similarity_fn_name': 'cosine'}
write('modules_json', 'pooling', b'\xff'.join(json.dumps(part).encode() for part in (modules, pooling, whole, {'max_seq_length': 8, 'do_lower_case': False})))
write('gguf_metadata', 'bert', gguf({'model': 'bert', 'tokens': ['[UNK]', 'a'], 'scores': [0.0, 1.0], 'cls_token_id': 1}))
for path in (GOLDENS / 'gguf').glob('*.gguf'):
    content = path.read_bytes()
    if len(content) <= 32768:
        write('gguf_tensors', path.name, content)
        write('gguf_settings', path.name, content)
chat = GOLDENS / 'chat'
messages = json.dumps(json.loads((chat / 'conversations.json').read_text())[10]['messages']).encode()
for path in (chat / 'templates').glob('*.jinja'):
    write('chat_template', path.stem, path.read_bytes() + b'\xff' + messages)
for number, template in enumerate((chat / 'engine_cases.txt').read_bytes().split(b'\n----\n')):
    write('chat_template', str(number), template + b'\xff[{"role": "user", "content": "x"}]')
