#!/usr/bin/env python3
"""Writes tiny encoder-decoders (random weights, trained for seconds) with transformers' save_pretrained, and their logits and translations.

Each folder of tests/goldens/models/ is a model directory (config.json, generation_config.json, model.safetensors) with two more files:

expected.json
    versions   versions of the packages
    sources    token ids of each source, ragged (each ends with eos); transformers got them padded, with an attention mask
    targets    token ids fed to the decoder, ragged, decoder start first
    searches   [{name, options, results}] of model.generate().
               options: num_beams, num_return_sequences, length_penalty, early_stopping (false, true or "never"), max_length (decoder start included), min_length,
               suppressed (ids from bad_words_ids), forced_eos_token_id (null: none).
               results: for each source, best first, {ids, score, token_scores, log_probs}
                 ids           without decoder start and padding, including eos if it was generated
                 score         beams: sequences_scores; greedy: the sum of log_probs
                 token_scores  compute_transition_scores(): log-probabilities that the search used, after the processors (a forced eos: 0);
                               greedy: of logits renormalized after the processors
                 log_probs     log softmax of the plain logits at each id
expected.safetensors
    logits                 [target tokens of all pairs, vocab_size] f32, the rows of all targets back to back (packed)
    logits.VARIANT         logits with one value of config.json changed: activation_function=gelu, scale_embedding=false, ...

Everything is computed in float64; the script fails if the float32 run of a search finds different ids, so no result depends on a near tie.
"""

import json
import math
import pathlib
import platform
import shutil

import numpy
import safetensors
import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "models"
VERSIONS = {
    "python": platform.python_version(),
    "torch": torch.__version__.split("+")[0],
    "transformers": transformers.__version__,
    "safetensors": safetensors.__version__,
}


def spread_weights(model, seed):
    """Sets random weights, including those of norms and biases."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if "embed_positions" in name:
                continue
            noise = torch.randn(weight.shape, generator=generator)
            if "norm" in name:
                weight.copy_(1 + 0.2 * noise if name.endswith("weight") else 0.2 * noise)
            elif name.endswith("bias"):
                weight.copy_(0.2 * noise)
            elif "shared" in name or "embed_tokens" in name:
                weight.copy_(0.3 * noise)
            else:
                weight.copy_(noise / math.sqrt(weight.shape[1]))
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.copy_(0.3 * torch.randn(model.final_logits_bias.shape, generator=generator))


def train_a_little(model, seed, steps):
    """Trains a few steps on a task: each source id is replaced by another, and odd ones are repeated. Outputs then have different lengths and
    tokens, eos wins at the end, and the model is uncertain enough for beam search to matter."""
    config = model.config
    torch.manual_seed(seed)
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for step in range(steps):
        sources = make_ids(config, 32, 9, seed * 1000 + step)
        targets = [[j for i in s for j in [(i * 7 + 3) % (config.vocab_size - 3) + 2] * (1 + i % 2)] + [config.eos_token_id] for s in sources]
        ids, mask = padded([s + [config.eos_token_id] for s in sources], config.pad_token_id)
        labels, label_mask = padded(targets, config.pad_token_id)
        loss = model(input_ids=ids, attention_mask=mask, labels=labels.masked_fill(label_mask == 0, -100)).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    print(f"  loss after {steps} steps: {loss.item():.3f}")


def make_ids(config, count, longest, seed):
    generator = numpy.random.default_rng(seed)
    plain = [i for i in range(config.vocab_size) if i not in (config.pad_token_id, config.eos_token_id)]
    return [[int(i) for i in generator.choice(plain, size=length)] for length in generator.integers(1, longest, size=count)]


def padded(sequences, pad):
    width = max(map(len, sequences))
    ids = torch.tensor([s + [pad] * (width - len(s)) for s in sequences])
    mask = torch.tensor([[1] * len(s) + [0] * (width - len(s)) for s in sequences])
    return ids, mask


def packed_logits(model, sources, targets):
    pad = model.config.pad_token_id
    source_ids, source_mask = padded(sources, pad)
    target_ids, target_mask = padded(targets, pad)
    with torch.no_grad():
        logits = model(input_ids=source_ids, attention_mask=source_mask, decoder_input_ids=target_ids,
                       decoder_attention_mask=target_mask).logits
    return torch.cat([logits[i, : len(t)] for i, t in enumerate(targets)])


def generate(model, sources, options):
    pad, eos = model.config.pad_token_id, model.config.eos_token_id
    ids, mask = padded(sources, pad)
    beams = options["num_beams"]
    arguments = {k: v for k, v in options.items() if k not in ("suppressed", "num_return_sequences", "length_penalty", "early_stopping")}
    if beams > 1:
        arguments |= {k: options[k] for k in ("num_return_sequences", "length_penalty", "early_stopping")}
    with torch.no_grad():
        out = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, bad_words_ids=[[i] for i in options["suppressed"]] or None,
                             return_dict_in_generate=True, output_scores=True, output_logits=True, **arguments)
    beam_indices = out.beam_indices if beams > 1 else None
    transitions = model.compute_transition_scores(out.sequences, out.scores, beam_indices, normalize_logits=beams == 1)
    log_probs = model.compute_transition_scores(out.sequences, out.logits, beam_indices, normalize_logits=True)
    results = [[] for _ in sources]
    each = options["num_return_sequences"]
    for row, sequence in enumerate(out.sequences[:, 1:].tolist()):
        length = sequence.index(eos) + 1 if eos in sequence else len(sequence)
        while length and sequence[length - 1] == pad:  # padding of a hypothesis shorter than the others
            length -= 1
        plain = log_probs[row, :length].tolist()
        results[row // each].append({
            "ids": sequence[:length],
            "score": float(out.sequences_scores[row]) if beams > 1 else sum(plain),
            "token_scores": transitions[row, :length].tolist(),
            "log_probs": plain,
        })
    return results


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else value


def searches(pad, eos):
    base = dict(num_beams=1, num_return_sequences=1, length_penalty=1.0, early_stopping=False, max_length=16, min_length=0,
                suppressed=[pad], forced_eos_token_id=None)
    beam = base | dict(num_beams=4, num_return_sequences=4)
    return {
        "greedy": base,
        "greedy_min_length": base | dict(min_length=9),
        "greedy_short": base | dict(max_length=6),
        "greedy_forced_eos": base | dict(max_length=6, forced_eos_token_id=eos),
        "beam4": beam,
        "beam4_one": base | dict(num_beams=4),
        "beam2_n_best_2": base | dict(num_beams=2, num_return_sequences=2),
        "beam4_long": beam | dict(length_penalty=2.0),
        "beam4_no_penalty": beam | dict(length_penalty=0.0),
        "beam4_negative_penalty": beam | dict(length_penalty=-0.5),
        "beam4_early_stopping": beam | dict(early_stopping=True),
        "beam4_never_stopping": beam | dict(early_stopping="never"),
        "beam4_min_length": beam | dict(min_length=9),
        "beam4_short": beam | dict(max_length=6),
        "beam4_forced_eos": beam | dict(max_length=6, forced_eos_token_id=eos),
    }



def expected(folder, model, seed, variants, with_searches=True):
    config = model.config
    sources = [ids + [config.eos_token_id] for ids in make_ids(config, 6, 9, seed)]
    targets = [[config.decoder_start_token_id] + ids for ids in make_ids(config, 6, 7, seed + 1)]
    exact = model.float().eval().double()
    tensors = {"logits": packed_logits(exact, sources, targets).float()}
    for key, value in variants:
        changed = type(config).from_dict(config.to_dict() | {key: value})
        other = type(model)(changed).double().eval()
        other.load_state_dict(exact.state_dict())
        name = f"logits.{key}={str(value).lower() if isinstance(value, bool) else value}"
        tensors[name] = packed_logits(other, sources, targets).float()
    record = {"versions": VERSIONS, "sources": sources, "targets": targets, "searches": []}
    for name, options in searches(config.pad_token_id, config.eos_token_id).items() if with_searches else []:
        results = generate(exact, sources, options)
        again = generate(exact.float(), sources, options)
        exact.double()
        same = all([h["ids"] for h in a] == [h["ids"] for h in b] for a, b in zip(results, again))
        assert same, f"{folder.name}: {name} differs between float32 and float64; take another seed"
        lengths = [[len(h["ids"]) for h in r] for r in results]
        ended = sum(h["ids"][-1] == config.eos_token_id for r in results for h in r)
        print(f"  {name}: lengths {lengths}, {ended} ended")
        record["searches"].append({"name": name, "options": options, "results": rounded(results)})
    safetensors.torch.save_file(tensors, folder / "expected.safetensors")
    lines = json.dumps(record)
    for mark in ('"versions"', '"sources"', '"targets"', '"searches"', '{"name"', '{"ids"'):
        lines = lines.replace(mark, "\n" + mark)
    (folder / "expected.json").write_text(lines + "\n")


def empty_folder(name):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(name)
    return folder


def marian_post_norm():
    folder = empty_folder("marian_post_norm")
    config = transformers.MarianConfig(
        vocab_size=48, d_model=24, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=40, decoder_ffn_dim=48, max_position_embeddings=64, activation_function="swish", scale_embedding=True,
        pad_token_id=47, eos_token_id=0, decoder_start_token_id=47, forced_eos_token_id=None, bos_token_id=None)
    model = transformers.MarianMTModel(config)
    spread_weights(model, 3)
    train_a_little(model, 3, 500)
    model.generation_config = transformers.GenerationConfig(
        max_length=64, num_beams=4, bad_words_ids=[[47]], pad_token_id=47, eos_token_id=0, decoder_start_token_id=47)
    model.save_pretrained(folder)
    expected(folder, model, 7, [("activation_function", "relu"), ("activation_function", "gelu"), ("activation_function", "gelu_new"),
                                ("scale_embedding", False)])


def pegasus_pre_norm():
    folder = empty_folder("pegasus_pre_norm")
    config = transformers.PegasusConfig(
        vocab_size=56, d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=64, decoder_ffn_dim=40, max_position_embeddings=48, activation_function="relu", scale_embedding=True,
        pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, forced_eos_token_id=None)
    model = transformers.PegasusForConditionalGeneration(config)
    spread_weights(model, 5)
    train_a_little(model, 5, 250)
    model.generation_config = transformers.GenerationConfig(
        max_length=48, num_beams=2, length_penalty=0.8, bad_words_ids=[[0]], pad_token_id=0, eos_token_id=1, decoder_start_token_id=0)
    model.save_pretrained(folder)
    expected(folder, model, 11, [])


def marian_old_f16():
    """Writes a model in the format of transformers 4: f16, tied weights stored under each name, sinusoids in the file, generation keys in config.json."""
    folder = empty_folder("marian_old_f16")
    values = dict(
        vocab_size=40, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=32, activation_function="swish", scale_embedding=True,
        pad_token_id=39, eos_token_id=0, decoder_start_token_id=39)
    model = transformers.MarianMTModel(transformers.MarianConfig(**values))
    spread_weights(model, 9)
    model.half()
    state = {name: value.contiguous().clone() for name, value in model.state_dict().items()}
    safetensors.torch.save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    old = values | {
        "_name_or_path": "marian", "_num_labels": 3, "architectures": ["MarianMTModel"], "model_type": "marian",
        "add_bias_logits": False, "add_final_layer_norm": False, "normalize_before": False, "normalize_embedding": False,
        "static_position_embeddings": True, "num_hidden_layers": 1, "is_encoder_decoder": True, "use_cache": True,
        "activation_dropout": 0.0, "attention_dropout": 0.0, "dropout": 0.1, "classifier_dropout": 0.0, "init_std": 0.02,
        "bos_token_id": 0, "bad_words_ids": [[39]], "max_length": 32, "num_beams": 6, "forced_eos_token_id": 0,
        "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}, "encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0,
        "torch_dtype": "float16", "transformers_version": "4.22.0.dev0"}
    (folder / "config.json").write_text(json.dumps(old, indent=2) + "\n")
    expected(folder, model, 13, [], with_searches=False)


def main():
    print("made with " + ", ".join(f"{name} {version}" for name, version in VERSIONS.items()))
    torch.manual_seed(0)
    torch.set_num_threads(1)
    marian_post_norm()
    pegasus_pre_norm()
    marian_old_f16()


if __name__ == "__main__":
    main()
