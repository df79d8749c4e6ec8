#!/usr/bin/env python3
"""Writes tiny BERTs (random weights), batches, and what 50 updates of PyTorch make of them, for labels of words, several labels, numbers and choices; of an MBart for labels of texts.

Each folder of tests/goldens/head_training/ is a model directory with expected.json ("versions"; "options" of the optimizer; "batches", which are used in turn:
"ids", "token_types", "rows" that predict, "labels" or "values", of choices "groups", the numbers of texts that belong together; "losses" of the updates) and expected.safetensors (the weights afterwards, in f32). The
learning rate rises for "warmup_steps" updates and stays. Everything is computed in float64 without dropout.
"""

import json
import pathlib
import platform
import shutil
import sys

import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "head_training"
VERSIONS = {"python": platform.python_version(), "torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
OPTIONS = {"learning_rate": 2e-3, "warmup_steps": 5, "beta1": 0.9, "beta2": 0.98, "epsilon": 1e-8, "weight_decay": 0.05, "clip_norm": 1.0}
STEPS, BATCHES, TEXTS, VOCABULARY = 50, 5, 4, 29
SIZES = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=16,
             hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager")
MODELS = {
    "words": (transformers.BertForTokenClassification, dict(num_labels=5)),
    "several_labels": (transformers.BertForSequenceClassification, dict(num_labels=3, problem_type="multi_label_classification")),
    "numbers": (transformers.BertForSequenceClassification, dict(num_labels=1, problem_type="regression")),
    "choices": (transformers.BertForMultipleChoice, {}),
    "encoder_decoder": (transformers.MBartForSequenceClassification, dict(num_labels=3)),
}
MBART = dict(vocab_size=VOCABULARY, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=24,
             decoder_ffn_dim=24, max_position_embeddings=16, dropout=0.0, attention_dropout=0.0, pad_token_id=0, eos_token_id=3, decoder_start_token_id=2,
             attn_implementation="eager")


def make_batch(name, generator):
    draw = lambda low, high: int(torch.randint(low, high, (1,), generator=generator))
    batch = {"ids": [], "token_types": [], "rows": [], "labels": [], "values": []}
    if name == "choices":
        batch["groups"] = [2, 3, 4]
        batch["labels"] = [[draw(0, size)] for size in batch["groups"]]
    for _ in range(sum(batch.get("groups", [TEXTS]))):
        length, split = draw(4, 15), draw(2, 4)
        ids = [2] + [draw(4, VOCABULARY) for _ in range(length - 2)] + [3]
        if name == "encoder_decoder":  # the token of a language follows the end
            ids = ids[1:] + [2]
        batch["ids"].append(ids)
        batch["token_types"].append([0] * length if name in ("words", "encoder_decoder") else [0] * split + [1] * (length - split))
        if name == "words":  # some tokens continue a word and predict nothing
            rows = [at for at in range(1, length - 1) if at == 1 or draw(0, 3) > 0]
            batch["rows"].append(rows)
            batch["labels"].append([(ids[at] + ids[at - 1]) % 5 for at in rows])
        else:
            batch["rows"].append([0])
            if name == "choices":
                continue
            if name == "encoder_decoder":  # the decoder's row of the end
                batch["rows"][-1] = [length - 2]
                batch["labels"].append([ids[1] % 3])
                continue
            batch["values"].append([float(ids[1] % (2 + i) == 0) for i in range(3)] if name == "several_labels" else [ids[1] / 7 - 2])
    return batch


def loss_of(model, name, batch):
    longest = max(len(ids) for ids in batch["ids"])
    padded = lambda rows, value: torch.tensor([row + [value] * (longest - len(row)) for row in rows])
    inputs = dict(input_ids=padded(batch["ids"], 0), token_type_ids=padded(batch["token_types"], 0),
                  attention_mask=padded([[1] * len(ids) for ids in batch["ids"]], 0))
    if name == "choices":  # a question at a time, as the numbers of choices differ
        groups, losses, begin = batch["groups"], [], 0
        for size, label in zip(groups, batch["labels"]):
            losses.append(model(**{key: value[begin:begin + size].unsqueeze(0) for key, value in inputs.items()}, labels=torch.tensor(label)).loss)
            begin += size
        return torch.stack(losses).mean()
    if name == "encoder_decoder":
        inputs.pop("token_type_ids")
        return model(**inputs, labels=torch.tensor(batch["labels"]).squeeze(-1)).loss
    if name != "words":
        values = torch.tensor(batch["values"], dtype=torch.float64)
        return model(**inputs, labels=values.squeeze(-1) if name == "numbers" else values).loss
    labels = torch.full((TEXTS, longest), -100)
    for i, rows in enumerate(batch["rows"]):
        labels[i, rows] = torch.tensor(batch["labels"][i])
    return model(**inputs, labels=labels).loss


def main(only=""):
    """Writes one of the folders, or all."""
    for seed, (name, (model_class, more)) in enumerate(MODELS.items(), start=3):
        if only not in ("", name):
            continue
        shutil.rmtree(ROOT / name, ignore_errors=True)
        generator = torch.Generator().manual_seed(seed)
        folder = ROOT / name
        model = model_class(transformers.MBartConfig(**MBART, **more) if name == "encoder_decoder" else transformers.BertConfig(**SIZES, **more))
        with torch.no_grad():
            for key, weight in sorted(model.named_parameters()):
                noise = torch.randn(weight.shape, generator=generator)
                weight.copy_(0.2 * noise + (1 if "norm" in key.lower() and key.endswith("weight") else 0))
        model.save_pretrained(folder)
        model = model_class.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").train()
        # Matrices decay; norms, biases and the tables of positions and token types do not.
        decays = lambda key: not (key.endswith("bias") or "norm" in key.lower() or "position" in key or "token_type_embeddings" in key)
        groups = [{"params": [weight for key, weight in model.named_parameters() if decays(key) == decay], "weight_decay": OPTIONS["weight_decay"] * decay}
                  for decay in (True, False)]
        optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(OPTIONS["beta1"], OPTIONS["beta2"]), eps=OPTIONS["epsilon"])
        batches, losses = [make_batch(name, generator) for _ in range(BATCHES)], []
        for step in range(1, STEPS + 1):
            loss = loss_of(model, name, batches[(step - 1) % BATCHES])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIONS["clip_norm"])
            for group in optimizer.param_groups:
                group["lr"] = OPTIONS["learning_rate"] * min(1, step / OPTIONS["warmup_steps"])
            optimizer.step()
            losses.append(loss.item())
        (folder / "expected.json").write_text(json.dumps({"versions": VERSIONS, "options": OPTIONS, "batches": batches, "losses": losses}) + "\n")
        safetensors.torch.save_file({key: weight.detach().float().contiguous() for key, weight in model.named_parameters()}, folder / "expected.safetensors")
        print(name, losses[:2], losses[-2:])


if __name__ == "__main__":
    main(*sys.argv[1:])
