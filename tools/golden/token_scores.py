#!/usr/bin/env python3
"""Writes log-probabilities of tokens as transformers computes them, for the tiny models of other goldens with tokenizers of single characters.

tests/goldens/token_scores/expected.json: {"versions", "cases": [{model, start_token, tokenizer, inputs: [{text, prompt}], log_probabilities: [[…]], losses: […]}]}:
model is a folder below tests/goldens, tokenizer a tokenizer.json, log_probabilities those of each scored token. losses: what transformers' own `labels` give
(mean over the tokens); null for masked models, whose values are pseudo-log-likelihoods (Salazar et al. 2020). Everything is computed in float64.
"""

import json
import pathlib

import tokenizers
import torch
import transformers

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens"
VERSIONS = {name: module.__version__.split("+")[0] for name, module in (("torch", torch), ("transformers", transformers), ("tokenizers", tokenizers))}


def characters(special, size, template):
    letters = " abcdefghijklmnopqrstuvwxyz0123456789.,;:!?-+*/="[:size - len(special)]
    vocabulary = {token: i for i, token in enumerate(special + list(letters))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=next(t for t in special if "unk" in t.lower())))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex("."), "isolated")
    tokenizer.add_special_tokens(special)
    if template:
        pairs = [(token, vocabulary[token]) for token in special if token in template]
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single=template, pair=template + " $B", special_tokens=pairs)
    return tokenizer


def log_probabilities(logits, targets):
    return [torch.log_softmax(row, -1)[token].item() for row, token in zip(logits, targets)]


def causal(model, tokenizer, text, prompt, start):
    ids = start + tokenizer.encode((prompt or "") + text).ids
    first = 1 if prompt is None else max(1, len(start + tokenizer.encode(prompt).ids))
    if len(ids) <= first:
        return [], None
    labels = [-100] * first + ids[first:]
    result = model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels]))
    return log_probabilities(result.logits[0, first - 1:-1], ids[first:]), result.loss.item()


def translation(model, tokenizer, text, prompt):
    labels = tokenizer.encode(text).ids
    result = model(input_ids=torch.tensor([tokenizer.encode(prompt).ids]), labels=torch.tensor([labels]))
    return log_probabilities(result.logits[0], labels), result.loss.item()


def masked(model, tokenizer, text, prompt):
    whole = tokenizer.encode((prompt or "") + text)
    first = 1 if prompt is None else len(tokenizer.encode(prompt).ids) - 1
    values = []
    for i in range(first, len(whole.ids) - 1):
        ids = torch.tensor([whole.ids])
        ids[0, i] = tokenizer.token_to_id("[MASK]")
        values += log_probabilities(model(input_ids=ids).logits[0, i:i + 1], whole.ids[i:i + 1])
    return values, None


TEXTS = [{"text": "ab cd"}, {"text": "a"}, {"text": "gh fed", "prompt": "b ca "}, {"text": "", "prompt": "b"}, {"text": "oooooooooooo"}]
PAIRS = [{"text": "ab cd", "prompt": "x y, 12"}, {"text": "q", "prompt": "a"}]
CASES = [
    ("causal_models/llama", transformers.LlamaForCausalLM, causal, characters(["<unk>", "<s>", "</s>"], 19, "<s> $A"), TEXTS, {"start": []}),
    ("causal_models/gpt2", transformers.GPT2LMHeadModel, causal, characters(["<unk>", "<s>", "</s>"], 19, None), TEXTS, {"start": []}),
    ("causal_models/gpt2", transformers.GPT2LMHeadModel, causal, characters(["<unk>", "<s>", "</s>"], 19, None), TEXTS, {"start": [1]}),
    ("models/t5", transformers.T5ForConditionalGeneration, translation, characters(["<pad>", "</s>", "<unk>"], 44, "$A </s>"), PAIRS, {}),
    ("encoder_models/masked_lm", transformers.BertForMaskedLM, masked,
     characters(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], 23, "[CLS] $A [SEP]"), TEXTS[:4] + [{"text": "a?b"}], {}),
]


def main():
    cases = []
    for name, kind, score, tokenizer, inputs, more in CASES:
        model = kind.from_pretrained(GOLDENS / name, dtype=torch.float64, attn_implementation="eager").eval()
        with torch.no_grad():
            results = [score(model, tokenizer, each["text"], each.get("prompt"), **more) for each in inputs]
        cases.append({"model": name, "start_token": bool(more.get("start")), "tokenizer": json.loads(tokenizer.to_str()), "inputs": inputs,
                      "log_probabilities": [values for values, _ in results], "losses": [loss for _, loss in results]})
    folder = GOLDENS / "token_scores"
    folder.mkdir(exist_ok=True)
    (folder / "expected.json").write_text(json.dumps({"versions": VERSIONS, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
