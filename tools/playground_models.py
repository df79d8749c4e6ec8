#!/usr/bin/env python3
"""Writes what scripts/playground-models trained as the lab's playground holds it: model directories with f16 weights, and vocabularies.

    tools/playground_models.py TRAINED MODELS
"""
import json
import pathlib
import struct
import sys


def read_tensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from('<Q', data)
    header = json.loads(data[8:8 + length])
    for name, entry in sorted(header.items()):
        if name == '__metadata__':
            continue
        assert entry['dtype'] == 'F32', (name, entry['dtype'])
        begin, end = entry['data_offsets']
        yield name, entry['shape'], struct.unpack_from(f'<{(end - begin) // 4}f', data, 8 + length + begin)


def write_half(tensors, path):
    header, body = {}, b''
    for name, shape, values in tensors:
        packed = struct.pack(f'<{len(values)}e', *values)
        header[name] = {'dtype': 'F16', 'shape': shape, 'data_offsets': [len(body), len(body) + len(packed)]}
        body += packed
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    path.write_bytes(struct.pack('<Q', len(text)) + text + body)


def write_json(value, path):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(',', ':')) + '\n', encoding='utf-8')


def tokenizer_of(folder):
    return json.loads((folder / 'tokenizer.json').read_text(encoding='utf-8'))


def main(trained, models):
    for name in ('translator', 'shakespeare'):
        folder = models / name
        folder.mkdir(parents=True, exist_ok=True)
        # Sinusoids are computed exactly where a file has none.
        tensors = [each for each in read_tensors(trained / name / 'model.safetensors') if 'embed_positions' not in each[0]]
        write_half(tensors, folder / 'model.safetensors')
        for file in ('config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'):
            write_json(json.loads((trained / name / file).read_text(encoding='utf-8')), folder / file)
    vocabularies = {name: tokenizer_of(trained / folder)['model'] for name, folder in (('bpe', 'byte-bpe'), ('wordpiece', 'wordpiece'), ('unigram', 'unigram'))}
    write_json({
        'bpe': [' '.join(pair) if isinstance(pair, list) else pair for pair in vocabularies['bpe']['merges']],
        'wordpiece': sorted(vocabularies['wordpiece']['vocab'], key=vocabularies['wordpiece']['vocab'].get),
        'unigram': [[piece, round(score, 4)] for piece, score in vocabularies['unigram']['vocab']],
    }, models / 'tokenizers.json')


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
