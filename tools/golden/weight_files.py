#!/usr/bin/env python3
"""Writes small files of torch.save into tests/goldens/weight_files/: values follow a formula that io/pytorch_file_test.cc knows.

    zip.bin       a state_dict with views, shared storages and every type, as PyTorch >= 1.6 writes it
    zip4.bin      the same with protocol 4 of pickle, whose names come from the stack
    legacy.bin    the same as PyTorch < 1.6 wrote it
    call.bin      a dictionary with an object whose unpickling would call os.system
    nested.bin    a checkpoint of a training: a dictionary in a dictionary
    plain.npz, packed.npz   arrays by rows and by columns, of numpy.savez and savez_compressed
    bomb.npz      8 MB of zeros in 8 kB
    bert/         a model with pytorch_model.bin, whose output layer shares the embedding's storage, and the same weights as safetensors
"""
import collections
import os
import pathlib
import warnings

import numpy
import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "weight_files"


class Call:
    def __reduce__(self):
        return os.system, ("echo unpickled",)


def state_dict():
    matrix = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    state = collections.OrderedDict()
    state["matrix"] = matrix
    state["transposed"] = matrix.t()
    state["tied"] = matrix
    state["row"] = matrix[1]
    state["every_second"] = matrix[:, 1::2]
    state["parameter"] = torch.nn.Parameter(torch.full((2, 2), 7.5))
    state["scalar"] = torch.tensor(-3.0)
    state["empty"] = torch.empty(0, 5)
    state["permuted"] = torch.arange(24, dtype=torch.float64).reshape(2, 3, 4).permute(2, 0, 1)
    for name, dtype in [("f64", torch.float64), ("f16", torch.float16), ("bf16", torch.bfloat16), ("i8", torch.int8), ("u8", torch.uint8), ("i16", torch.int16),
                        ("i32", torch.int32), ("i64", torch.int64), ("bool", torch.bool)]:
        state[name] = torch.tensor([0, 1, 1] if dtype is torch.bool else [1, 2, 100], dtype=dtype)
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    return state


def main():
    warnings.simplefilter("ignore")
    ROOT.mkdir(parents=True, exist_ok=True)
    state = state_dict()
    torch.save(state, ROOT / "zip.bin")
    torch.save(state, ROOT / "zip4.bin", pickle_protocol=4)
    torch.save(state, ROOT / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"weight": torch.ones(2), "call": Call()}, ROOT / "call.bin")
    torch.save({"state_dict": {"weight": torch.ones(2)}, "epoch": 3}, ROOT / "nested.bin")
    arrays = {"rows": numpy.arange(6, dtype="<f4").reshape(2, 3), "columns": numpy.asfortranarray(numpy.arange(6, dtype="<f8").reshape(2, 3)),
              "scalar": numpy.float16(1.5), "text": numpy.frombuffer(b"a: 1\n", dtype=numpy.int8)}
    numpy.savez(ROOT / "plain.npz", **arrays)
    numpy.savez_compressed(ROOT / "packed.npz", **arrays)
    numpy.savez_compressed(ROOT / "bomb.npz", zeros=numpy.zeros(2_000_000, dtype="<f4"))
    torch.manual_seed(1)
    config = transformers.BertConfig(vocab_size=11, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12, max_position_embeddings=10)
    model = transformers.BertForMaskedLM(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn(weight.shape))
    (ROOT / "bert").mkdir(exist_ok=True)
    model.config.architectures = ["BertForMaskedLM"]
    model.config.save_pretrained(ROOT / "bert")
    torch.save(model.state_dict(), ROOT / "bert" / "pytorch_model.bin")
    values = {name: value.clone() for name, value in model.state_dict().items()}
    safetensors.torch.save_file(values, ROOT / "bert" / "twin.safetensors")


if __name__ == "__main__":
    main()
