#!/usr/bin/env python3
"""Writes tiny encoders (random weights) with transformers' save_pretrained, and their logits and losses.

Each folder of tests/goldens/encoder_models/ is a model directory with two more files: expected.json ("versions"; "sequences": token ids, ragged; "token_types":
of each token; "labels": for a masked LM the ids of each sequence with -100 for unpredicted tokens, for a classifier one per sequence; "loss": transformers'
mean over the predictions, null where its loss is none over rows) and expected.safetensors ("logits": of all predicted rows, back to back, f32;
without a head the hidden states). Everything is computed in float64, for `models` sequence by sequence, for `family_models` in one padded batch.
"""

import json
import pathlib
import platform
import shutil
import types as namespaces

import safetensors
import safetensors.torch
import torch
import transformers

import newer_encoders

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


# The successors of BERT, and its other heads. 3 heads of 6 columns; sequences long enough for every kind of bucket of distances up to 37.
LONG = [4 + (i * 7) % 19 for i in range(36)]
TEXTS = [[2, 7, 4, 18, 4, 5, 3, 21, 11, 9, 4, 3], [2, 3], [2, *LONG, 3], [2, 12, 4, 13, 6, 8, 16, 3]]
TEXT_TYPES = [[0] * 7 + [1] * 5, [0, 0], [0] * 38, [0] * 8]
ROBERTA_TEXTS = [[0, 7, 4, 18, 4, 2, 2, 21, 11, 9, 4, 2], [0, 2], [0, *LONG, 2], [0, 12, 4, 13, 6, 8, 16, 2]]  # pairs are parted by two </s>
SIZES = dict(vocab_size=VOCABULARY, hidden_size=18, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=41,
             attn_implementation="eager")
NAMED = dict(id2label={0: "bad", 1: "fair", 2: "good"}, label2id={"bad": 0, "fair": 1, "good": 2})
ONE = dict(num_labels=1)
SEVERAL = dict(problem_type="multi_label_classification", **NAMED)
NUMBERS = dict(problem_type="regression", num_labels=2)


def family_models():
    t = transformers
    heads = {"masked_lm": "ForMaskedLM", "classifier": "ForSequenceClassification", "token_classifier": "ForTokenClassification",
             "question_answering": "ForQuestionAnswering", "model": "Model"}

    def family(name, prefix, config_class, sizes, changes):
        for head, ending in heads.items():
            extra = NAMED if head in ("classifier", "token_classifier") else {}
            yield f"{name}_{head}", getattr(t, prefix + ending)(config_class(**{**sizes, **extra, **changes.get(head, {})}))

    bert = {**SIZES, "layer_norm_eps": 1e-3}
    roberta = {**SIZES, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
    yield from family("roberta", "Roberta", t.RobertaConfig, roberta, {"masked_lm": dict(hidden_act="relu"), "classifier": dict(classifier_dropout=0.3)})
    yield from family("xlm_roberta", "XLMRoberta", t.XLMRobertaConfig, roberta, {"classifier": ONE | dict(id2label=None, label2id=None)})
    yield from family("camembert", "Camembert", t.CamembertConfig, {**roberta, "pad_token_id": 5, "type_vocab_size": 2, "max_position_embeddings": 46}, {"classifier": SEVERAL})
    distilbert = dict(vocab_size=VOCABULARY, dim=18, hidden_dim=20, n_layers=2, n_heads=3, max_position_embeddings=41, attn_implementation="eager")
    yield from family("distilbert", "DistilBert", t.DistilBertConfig, distilbert,
                      {"masked_lm": dict(activation="relu", sinusoidal_pos_embds=True), "classifier": dict(seq_classif_dropout=0.3)})
    yield "bert_token_classifier", t.BertForTokenClassification(t.BertConfig(**bert, **NAMED))
    yield "bert_question_answering", t.BertForQuestionAnswering(t.BertConfig(**bert))
    yield "bert_next_sentence", t.BertForNextSentencePrediction(t.BertConfig(**bert))
    yield "bert_one_label", t.BertForSequenceClassification(t.BertConfig(**bert, **ONE))
    yield "bert_several_labels", t.BertForSequenceClassification(t.BertConfig(**bert, **SEVERAL))
    yield "bert_numbers", t.BertForSequenceClassification(t.BertConfig(**bert, **NUMBERS))
    yield "bert_without_pooler", t.BertModel(t.BertConfig(**bert), add_pooling_layer=False)
    electra = {**SIZES, "embedding_size": 10}
    yield from family("electra", "Electra", t.ElectraConfig, electra, {"masked_lm": dict(hidden_act="relu"), "model": dict(embedding_size=18)})
    yield "electra_discriminator", t.ElectraForPreTraining(t.ElectraConfig(**electra, hidden_act="gelu_new"))
    yield from family("mpnet", "MPNet", t.MPNetConfig, SIZES, {"masked_lm": dict(hidden_act="relu")})
    albert = {**SIZES, "embedding_size": 10, "num_hidden_layers": 4, "num_hidden_groups": 2}
    yield from family("albert", "Albert", t.AlbertConfig, albert, {"model": dict(embedding_size=18, num_hidden_groups=1), "masked_lm": dict(hidden_act="relu")})


def run(model, inputs, choices=False):
    """The outputs for a padded batch. Texts of models with windows are computed alone: where a window has only padding, eager attention makes NaN of it;
    those of dynamic rotary positions, whose angles would be those of the longest text; and those of models with a decoder, whose texts must have equal
    numbers of end-of-text tokens in a batch."""
    dynamic = (getattr(model.config, "rope_parameters", None) or {}).get("rope_type") == "dynamic"
    if model.config.model_type not in ("modernbert", "gemma3_text", "t5", "mt5", "umt5", "bart", "mbart") and not dynamic:
        return model(**{key: value.unsqueeze(0) for key, value in inputs.items()} if choices else inputs)
    lengths, longest = inputs["attention_mask"].sum(1).tolist(), inputs["input_ids"].shape[1]
    results = []
    for i, length in enumerate(lengths):
        alone = {key: value[i : i + 1, :length] for key, value in inputs.items()}
        results.append(model(**{key: value.unsqueeze(0) for key, value in alone.items()} if choices else alone))
    padded = lambda x, length: torch.nn.functional.pad(x, [0, 0] * (x.dim() - 2) + [0, longest - length])
    def joined(key):
        of_tokens = all(result[key].shape[1] == length for result, length in zip(results, lengths))
        return torch.cat([padded(result[key], length) if of_tokens else result[key] for result, length in zip(results, lengths)])
    return namespaces.SimpleNamespace(**{key: joined(key) for key, value in results[0].items() if torch.is_tensor(value)})


def family_expected(name, model):
    """What `model` says of the texts: the dictionary of expected.json, and the rows."""
    starts_at_offset = name.startswith(("roberta", "xlm_roberta", "camembert", "mpnet"))
    texts = ROBERTA_TEXTS if starts_at_offset else TEXTS
    pad = model.config.pad_token_id
    texts = [[6 if id == pad else id for id in text] for text in texts]
    if name.startswith("mbart"):  # the token of a language follows the end
        texts = [text + [20] for text in texts]
    types = TEXT_TYPES if getattr(model.config, "type_vocab_size", 1) > 1 else [[0] * len(text) for text in texts]
    longest = max(len(text) for text in texts)
    padded = lambda rows, value: torch.tensor([row + [value] * (longest - len(row)) for row in rows])
    inputs = dict(input_ids=padded(texts, pad), attention_mask=padded([[1] * len(text) for text in texts], 0))
    if hasattr(model.config, "type_vocab_size"):
        inputs["token_type_ids"] = padded(types, 0)
    choices = name.endswith("multiple_choice")  # of one question
    with torch.no_grad():
        result = run(model, inputs, choices)
    each_token = lambda values: [values[i, :len(text)] for i, text in enumerate(texts)]
    loss = None
    if name.endswith(("classifier", "next_sentence", "masked_lm")):
        if name.endswith(("token_classifier", "masked_lm")):
            outputs = torch.cat(each_token(result.logits))
            labels = [[(i + at) % outputs.shape[1] for at in range(len(text))] for i, text in enumerate(texts)]
            targets = torch.tensor(sum(labels, []))
        else:
            outputs = result.logits
            labels = [i % outputs.shape[1] for i in range(len(texts))]
            targets = torch.tensor(labels)
        if getattr(model.config, "problem_type", None) is None and outputs.shape[1] > 1:
            loss = torch.nn.functional.cross_entropy(outputs, targets).item()
    elif choices:
        outputs, labels = result.logits.view(-1, 1), [0] * len(texts)
    elif name.startswith("bert_") and name.endswith(("label", "labels", "numbers")):
        outputs, labels = result.logits, [0] * len(texts)
    elif name.endswith("_model") and getattr(result, "pooler_output", None) is not None:
        outputs, labels = result.pooler_output, [0] * len(texts)
    else:
        labels = [[0] * len(text) for text in texts]
        if name.endswith("question_answering"):
            outputs = torch.cat(each_token(torch.stack([result.start_logits, result.end_logits], -1)))
        elif name.endswith("discriminator"):
            outputs = torch.cat(each_token(result.logits.unsqueeze(-1)))
        else:
            outputs = torch.cat(each_token(result.last_hidden_state))
    assert torch.isfinite(outputs).all(), name
    return {"versions": VERSIONS, "sequences": texts, "token_types": types, "labels": labels, "loss": loss}, outputs


def write_family_models():
    for seed, (name, model) in enumerate(family_models(), start=100):
        folder = ROOT / name
        spread_weights(model, seed)
        model.eval().save_pretrained(folder)
        arguments = dict(add_pooling_layer=False) if name == "bert_without_pooler" else {}
        model = type(model).from_pretrained(folder, dtype=torch.float64, attn_implementation="eager", **arguments).eval()
        expected, outputs = family_expected(name, model)
        (folder / "expected.json").write_text(json.dumps(expected) + "\n")
        safetensors.torch.save_file({"logits": outputs.float().contiguous()}, folder / "expected.safetensors")


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
    write_family_models()
    newer_encoders.write()


if __name__ == "__main__":
    main()
