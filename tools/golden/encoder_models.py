#!/usr/bin/env python3
"""Writes tiny BERT models (random weights) with transformers' save_pretrained, and their logits and losses.

Each folder of tests/goldens/encoder_models/ is a model directory with two more files: expected.json ("versions"; "sequences": token ids, ragged; "token_types":
of each token; "labels": for a masked LM the ids of each sequence with -100 for unpredicted tokens, for a classifier one per sequence; "loss": transformers'
mean over the predictions) and expected.safetensors ("logits": of all predicted rows, back to back, f32). Everything is computed in float64,
sequence by sequence.
"""

import json
import pathlib
import platform
import shutil

import safetensors
import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "encoder_models"
VERSIONS = {
    "python": platform.python_version(),
    "torch": torch.__version__.split("+")[0],
    "transformers": transformers.__version__,
    "safetensors": safetensors.__version__,
}
VOCABULARY = 23
SEQUENCES = [[2, 7, 4, 18, 4, 5, 3, 21, 11, 9, 4, 3], [2, 3], [2, 12, 4, 13, 1, 8, 16, 3], [2, 10, 4, 3]]
TOKEN_TYPES = [[0] * 7 + [1] * 5, [0, 0], [0] * 8, [0, 0, 1, 1]]
MASKED = [{2: 17, 4: 4, 5: 6, 10: 22}, {}, {2: 13, 5: 8}, {2: 19}]  # position: shown token; as in Devlin et al. 2018, a predicted token may be shown unchanged
BERT = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=14,
            attn_implementation="eager")


def models():
    yield "masked_lm", transformers.BertForMaskedLM(transformers.BertConfig(**BERT))
    yield "masked_lm_relu", transformers.BertForMaskedLM(transformers.BertConfig(**BERT, hidden_act="relu", type_vocab_size=3, layer_norm_eps=1e-3))
    yield "classifier", transformers.BertForSequenceClassification(
        transformers.BertConfig(**BERT, id2label={0: "bad", 1: "fair", 2: "good"}, label2id={"bad": 0, "fair": 1, "good": 2}, classifier_dropout=0.3))
    yield "classifier_two_unnamed", transformers.BertForSequenceClassification(transformers.BertConfig(**BERT, hidden_act="gelu_new"))
    yield "pooler", transformers.BertModel(transformers.BertConfig(**BERT))


def spread_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 1:
                weight.copy_(0.2 * noise + (1 if "norm" in name.lower() and name.endswith("weight") else 0))
            else:
                weight.copy_(0.4 * noise)


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    for seed, (name, model) in enumerate(models()):
        folder = ROOT / name
        spread_weights(model, seed)
        model.eval().save_pretrained(folder)
        model = type(model).from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
        classifier = name.startswith("classifier")
        logits, targets, labels, losses = [], [], [], []
        with torch.no_grad():
            for i, (ids, types) in enumerate(zip(SEQUENCES, TOKEN_TYPES)):
                if name == "pooler":  # predicts nothing: its output replaces the logits, and there is no loss
                    logits.append(model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types])).pooler_output)
                    labels.append(0)
                    losses.append(0.0)
                    continue
                label = [i % model.config.num_labels] if classifier else [MASKED[i].get(at, -100) for at in range(len(ids))]
                wanted = torch.tensor([0] if classifier else sorted(MASKED[i]), dtype=torch.long)
                result = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]), labels=torch.tensor([label] if not classifier else label))
                logits.append(result.logits if classifier else result.logits[0][wanted])
                labels.append(label[0] if classifier else label)
                if len(wanted) > 0:
                    losses += [result.loss.item()] * len(wanted)
                targets += label if classifier else [MASKED[i][at] for at in sorted(MASKED[i])]
        expected = {"versions": VERSIONS, "sequences": SEQUENCES, "token_types": TOKEN_TYPES, "labels": labels, "loss": sum(losses) / len(losses)}
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        safetensors.torch.save_file({"logits": torch.cat(logits).float().contiguous()}, folder / "expected.safetensors")


if __name__ == "__main__":
    main()
