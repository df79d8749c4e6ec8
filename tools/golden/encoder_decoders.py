#!/usr/bin/env python3
"""Writes tiny encoder-decoders of the T5, BART and M2M100 families with transformers' save_pretrained, their logits and their translations.

Adds folders to tests/goldens/models/ in the format of models.py, which trains them for seconds and writes the others. Every parameter is spread at random first.
Heads are odd in number; T5's heads are wider than hidden_size / heads.

encoder_decoders.py [FOLDER...] writes the folders named, or all.
"""

import sys

import torch
import transformers

import models
from models import empty_folder, expected, spread_weights, train_a_little


def spread(model, seed):
    """Sets random weights, also of biases of distances and, unlike spread_weights, of learned positions."""
    spread_weights(model, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if "embed_positions" in name or "relative_attention_bias" in name:
                weight.copy_(0.5 * torch.randn(weight.shape, generator=generator))


def write(name, model, seed, steps, generation, searches={}, variants=()):
    folder = empty_folder(name)
    spread(model, seed)
    train_a_little(model, seed, steps)
    config = model.config
    model.generation_config = transformers.GenerationConfig(
        **{"max_length": 24, "num_beams": 3, "bad_words_ids": [[config.pad_token_id]], "pad_token_id": config.pad_token_id,
           "eos_token_id": config.eos_token_id, "decoder_start_token_id": config.decoder_start_token_id} | generation)
    model.save_pretrained(folder)
    model.generation_config.forced_bos_token_id = model.generation_config.forced_eos_token_id = None  # searches name theirs
    models.searches = lambda pad, eos: selected(pad, eos) | searches
    expected(folder, model, seed + 4, list(variants))


ALL_SEARCHES = models.searches


def selected(pad, eos):
    base = ALL_SEARCHES(pad, eos)
    return {name: base[name] for name in ("greedy", "beam4", "beam4_long", "beam4_forced_eos")} | {
        "greedy_20": base["greedy"] | {"max_length": 21}}


def untie(model, seed):
    torch.manual_seed(seed)
    model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.shared.weight))
    return model


T5 = dict(vocab_size=44, d_model=20, d_kv=6, d_ff=36, num_layers=3, num_decoder_layers=2, num_heads=5, relative_attention_num_buckets=8,
          relative_attention_max_distance=9, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)


def t5():
    write("t5", transformers.T5ForConditionalGeneration(transformers.T5Config(**T5)), 21, 350, {})


def t5_v1_1():
    config = transformers.T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    write("t5_v1_1", untie(transformers.T5ForConditionalGeneration(config), 1), 22, 350, {})


def mt5():
    write("mt5", untie(transformers.MT5ForConditionalGeneration(transformers.MT5Config(**T5)), 2), 23, 350, {})


def umt5():
    write("umt5", transformers.UMT5ForConditionalGeneration(transformers.UMT5Config(**T5)), 24, 350, {})


BART = dict(vocab_size=45, d_model=21, encoder_layers=2, decoder_layers=1, encoder_attention_heads=3, decoder_attention_heads=3,
            encoder_ffn_dim=40, decoder_ffn_dim=36, max_position_embeddings=40, pad_token_id=1, bos_token_id=0, eos_token_id=2,
            decoder_start_token_id=2, forced_eos_token_id=None)


def forced_first(token):
    base = ALL_SEARCHES(1, 2)
    return {"greedy_forced_bos": base["greedy"] | {"forced_bos_token_id": token},
            "beam4_forced_bos": base["beam4"] | {"forced_bos_token_id": token},
            "beam4_forced_bos_and_eos": base["beam4"] | {"forced_bos_token_id": token, "forced_eos_token_id": 2, "max_length": 6}}


def bart():
    model = transformers.BartForConditionalGeneration(transformers.BartConfig(**BART))
    write("bart", model, 31, 350, {"forced_bos_token_id": 0, "forced_eos_token_id": 2}, forced_first(0), [("scale_embedding", True)])


def mbart():
    model = transformers.MBartForConditionalGeneration(transformers.MBartConfig(**BART | {"vocab_size": 100, "scale_embedding": True}))
    write("mbart", model, 32, 350, {"forced_bos_token_id": 44}, forced_first(44))


def m2m100():
    config = BART | {"decoder_layers": 2, "max_position_embeddings": 32}
    model = transformers.M2M100ForConditionalGeneration(transformers.M2M100Config(**config))
    write("m2m100", model, 33, 350, {"forced_bos_token_id": 43}, forced_first(43))


FOLDERS = {each.__name__: each for each in (t5, t5_v1_1, mt5, umt5, bart, mbart, m2m100)}


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for name in sys.argv[1:] or FOLDERS:
        FOLDERS[name]()


if __name__ == "__main__":
    main()
