#!/usr/bin/env python3
"""Writes tiny encoders newer than BERT's family into tests/goldens/encoder_models/, in the form of encoder_models.py.

Folders of a kind of layer also have gradients.safetensors: the gradients of "loss" under the names of the weights. JinaBERT, and the scaling of GTE's
"new", have no class in transformers; they are computed here by their formulas, in float64.
"""

import json
import math
import shutil
import tempfile
import pathlib

import safetensors.torch
import torch
import transformers as t

import encoder_models as base

ENDS = dict(pad_token_id=0, bos_token_id=2, eos_token_id=3)


def families():
    heads = {"masked_lm": "ForMaskedLM", "classifier": "ForSequenceClassification", "token_classifier": "ForTokenClassification",
             "question_answering": "ForQuestionAnswering", "multiple_choice": "ForMultipleChoice", "model": "Model"}

    def family(name, prefix, config_class, sizes, changes):
        for head, ending in heads.items():
            if not hasattr(t, prefix + ending):
                continue
            extra = base.NAMED if head in ("classifier", "token_classifier") else {}
            yield f"{name}_{head}", getattr(t, prefix + ending)(config_class(**{**sizes, **extra, **changes.get(head, {})}))

    modernbert = {**base.SIZES, **ENDS, "cls_token_id": 2, "sep_token_id": 3, "local_attention": 8, "norm_eps": 1e-3,
                  "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 500.0},
                                      "sliding_attention": {"rope_type": "default", "rope_theta": 20.0}}}
    every_bias = dict(attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True)
    yield from family("modernbert", "ModernBert", t.ModernBertConfig, modernbert, {
        "masked_lm": dict(num_hidden_layers=4), "classifier": dict(classifier_pooling="mean", classifier_activation="relu", **every_bias),
        "token_classifier": dict(hidden_activation="silu"), "multiple_choice": dict(classifier_pooling="mean"), "model": every_bias})
    yield "modernbert_without_bias_masked_lm", t.ModernBertForMaskedLM(t.ModernBertConfig(
        **{**modernbert, "decoder_bias": False, "tie_word_embeddings": False, "layer_types": ["sliding_attention", "full_attention"]}))
    eurobert = {**base.SIZES, **ENDS, "num_key_value_heads": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 50.0}, "rms_norm_eps": 1e-3}
    yield from family("eurobert", "EuroBert", t.EuroBertConfig, eurobert, {
        "masked_lm": dict(mlp_bias=True, attention_bias=True), "token_classifier": dict(num_key_value_heads=3), "model": dict(head_dim=8)})
    yield "eurobert_mean_classifier", t.EuroBertForSequenceClassification(t.EuroBertConfig(**eurobert, **base.NAMED, classifier_pooling="mean"))
    yield "eurobert_bos_classifier", t.EuroBertForSequenceClassification(t.EuroBertConfig(**eurobert, **base.NAMED, classifier_pooling="bos"))
    rotary = {**base.SIZES, "layer_norm_eps": 1e-3}
    yield from family("nomic_bert", "NomicBert", t.NomicBertConfig, rotary, {"masked_lm": dict(hidden_act="gelu"), "classifier": dict(classifier_dropout=0.3)})
    yield from family("gte", "Gte", t.GteConfig, {**rotary, "pad_token_id": 0}, {
        "masked_lm": dict(hidden_act="relu", type_vocab_size=2), "token_classifier": dict(type_vocab_size=0),
        "model": dict(rope_parameters={"rope_type": "linear", "factor": 3.0, "rope_theta": 90.0})})
    deberta = {**base.SIZES, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "share_att_key": True, "position_buckets": 8,
               "max_relative_positions": 20, "norm_rel_ebd": "layer_norm", "position_biased_input": False, "layer_norm_eps": 1e-3}
    yield from family("deberta_v2", "DebertaV2", t.DebertaV2Config, deberta, {
        "masked_lm": dict(type_vocab_size=2), "classifier": dict(share_att_key=False, position_biased_input=True, norm_rel_ebd="none"),
        "token_classifier": dict(pos_att_type=["c2p"], position_buckets=-1, max_relative_positions=-1), "question_answering": dict(
            pos_att_type="p2c", share_att_key=False, max_relative_positions=9, position_buckets=-1),
        "multiple_choice": dict(pooler_hidden_act="tanh")})
    yield "deberta_v2_plain_model", t.DebertaV2Model(t.DebertaV2Config(**base.SIZES, layer_norm_eps=1e-3))
    yield "deberta_v3_masked_lm", t.DebertaV2ForMaskedLM(t.DebertaV2Config(**deberta, legacy=False))
    yield "bert_multiple_choice", t.BertForMultipleChoice(t.BertConfig(**rotary))
    yield "roberta_multiple_choice", t.RobertaForMultipleChoice(t.RobertaConfig(**{**rotary, "type_vocab_size": 1}))
    yield from family("jina_v3", "JinaEmbeddingsV3", t.JinaEmbeddingsV3Config, rotary, {"masked_lm": dict(hidden_act="relu")})
    yield "deberta_v2_convolution_masked_lm", t.DebertaV2ForMaskedLM(t.DebertaV2Config(**deberta, conv_kernel_size=3, conv_act="gelu"))
    yield "deberta_v2_convolution_classifier", t.DebertaV2ForSequenceClassification(t.DebertaV2Config(**deberta, **base.NAMED, conv_kernel_size=5))
    yield "nomic_bert_dynamic_model", t.NomicBertModel(t.NomicBertConfig(**{
        **rotary, "max_position_embeddings": 20, "rope_parameters": {"rope_type": "dynamic", "factor": 3.0, "rope_theta": 90.0}}))
    yield "electra_multiple_choice", t.ElectraForMultipleChoice(t.ElectraConfig(**base.SIZES, embedding_size=10))
    gemma = {**base.SIZES, **ENDS, "num_key_value_heads": 1, "head_dim": 8, "query_pre_attn_scalar": 11, "use_cache": False,
             "layer_types": ["sliding_attention", "full_attention"], "rms_norm_eps": 1e-3,
             "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 3.0, "rope_theta": 500.0},
                                 "sliding_attention": {"rope_type": "default", "rope_theta": 20.0}}}
    yield "gemma3_model", t.Gemma3TextModel(t.Gemma3TextConfig(**gemma, sliding_window=8, use_bidirectional_attention=True))
    yield "gemma3_causal_model", t.Gemma3TextModel(t.Gemma3TextConfig(**gemma, sliding_window=3))
    yield "deberta_v2_grouped_convolution_classifier", t.DebertaV2ForSequenceClassification(t.DebertaV2Config(**deberta, **base.NAMED, conv_kernel_size=5, conv_groups=3))
    for name, model in with_decoders(("t5", "umt5")):  # mT5 is what T5 is
        if name not in ("umt5_token_classifier", "umt5_question_answering", "mbart_question_answering"):
            yield name, model


def with_decoders(types=("t5", "mt5", "umt5")):
    """Encoder-decoders with heads, whose decoder reads the text itself, and the encoders of such models alone."""
    t5 = dict(vocab_size=base.VOCABULARY, d_model=18, d_kv=8, d_ff=20, num_layers=2, num_decoder_layers=3, num_heads=3, relative_attention_num_buckets=8,
              relative_attention_max_distance=20, eos_token_id=3, decoder_start_token_id=0, layer_norm_epsilon=1e-3, attn_implementation="eager")
    for name in types:
        make = lambda ending, **more: getattr(t, name.upper() + ending)(getattr(t, name.upper() + "Config")(**{**t5, **more}))
        yield name + "_encoder_model", make("EncoderModel", feed_forward_proj="gated-gelu")
        yield name + "_classifier", make("ForSequenceClassification", **base.NAMED, classifier_dropout=0.3)
        yield name + "_token_classifier", make("ForTokenClassification", **base.NAMED)
        yield name + "_question_answering", make("ForQuestionAnswering", feed_forward_proj="gated-silu")
    bart = dict(vocab_size=base.VOCABULARY, d_model=18, encoder_layers=2, decoder_layers=3, encoder_attention_heads=3, decoder_attention_heads=3, encoder_ffn_dim=20,
                decoder_ffn_dim=22, max_position_embeddings=41, pad_token_id=1, eos_token_id=3, decoder_start_token_id=2, attn_implementation="eager")
    yield "bart_classifier", t.BartForSequenceClassification(t.BartConfig(**bart, **base.SEVERAL, scale_embedding=True, activation_function="relu"))
    yield "bart_question_answering", t.BartForQuestionAnswering(t.BartConfig(**bart, num_labels=2))
    yield "mbart_classifier", t.MBartForSequenceClassification(t.MBartConfig(**bart, **base.NAMED, scale_embedding=True))
    yield "mbart_question_answering", t.MBartForQuestionAnswering(t.MBartConfig(**bart))


WITH_GRADIENTS = ("t5_classifier", "t5_token_classifier", "mbart_classifier", "deberta_v2_grouped_convolution_classifier",
                  "modernbert_masked_lm", "modernbert_classifier", "eurobert_masked_lm", "eurobert_classifier", "nomic_bert_masked_lm", "gte_masked_lm",
                  "jina_v3_classifier", "deberta_v2_masked_lm", "deberta_v2_classifier", "deberta_v2_convolution_classifier")


def write_gradients(folder, name, model, expected):
    """The gradients of the loss, saved as if they were the weights, so that they have the names and shapes of the file."""
    texts = expected["sequences"]
    longest = max(len(text) for text in texts)
    padded = lambda rows, value: torch.tensor([row + [value] * (longest - len(row)) for row in rows])
    inputs = dict(input_ids=padded(texts, model.config.pad_token_id), attention_mask=padded([[1] * len(text) for text in texts], 0))
    if getattr(model.config, "type_vocab_size", 0):
        inputs["token_type_ids"] = padded(expected["token_types"], 0)
    logits = base.run(model, inputs).logits
    if logits.dim() == 3:
        logits = torch.cat([logits[i, :len(text)] for i, text in enumerate(texts)])
    labels = expected["labels"]
    targets = torch.tensor(sum(labels, []) if isinstance(labels[0], list) else labels)
    torch.nn.functional.cross_entropy(logits, targets).backward()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.zeros_like(weight) if weight.grad is None else weight.grad)
    with tempfile.TemporaryDirectory() as temporary:
        model.float().save_pretrained(temporary)
        shutil.copy(pathlib.Path(temporary) / "model.safetensors", folder / "gradients.safetensors")


def write_expected(folder, expected, outputs):
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    safetensors.torch.save_file({"logits": outputs.float().contiguous()}, folder / "expected.safetensors")


def spread_weights(name, model, seed):
    base.spread_weights(model, seed)
    if name.startswith("gemma3"):  # its norms are stored less one; bfloat16 values stay what they are when one is added
        with torch.no_grad():
            for key, weight in model.named_parameters():
                weight.copy_((weight - (1 if "norm" in key else 0)).bfloat16())


def write_families(only=""):
    for seed, (name, model) in enumerate(families(), start=200):
        if only and name not in only:
            continue
        folder = base.ROOT / name
        spread_weights(name, model, seed)
        model.eval().save_pretrained(folder)
        model = type(model).from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
        expected, outputs = base.family_expected(name, model)
        write_expected(folder, expected, outputs)
        if name in WITH_GRADIENTS:
            write_gradients(folder, name, model, expected)


def write_new():
    """GTE in the authors' own files: the type "new", names with "new.", and their scaling of rotary positions (new-impl's
    NTKScalingRotaryEmbedding: base times factor, frequencies divided by factor^(2 / d))."""
    for seed, (name, kind, ending) in enumerate([("new_model", t.GteModel, "Model"), ("new_classifier", t.GteForSequenceClassification, "ForSequenceClassification")], start=300):
        folder = base.ROOT / name
        labels = base.NAMED if ending != "Model" else {}
        model = kind(t.GteConfig(**{**base.SIZES, "layer_norm_eps": 1e-3, "pad_token_id": 0, "type_vocab_size": 2}, **labels))
        base.spread_weights(model, seed)
        model.eval().save_pretrained(folder)
        tensors = safetensors.torch.load_file(folder / "model.safetensors")
        safetensors.torch.save_file({key.replace("gte.", "new."): value for key, value in tensors.items()}, folder / "model.safetensors")
        model = type(model).from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
        size, theta, factor = 6, 70.0, 5.0
        frequencies = (theta * factor) ** (-torch.arange(0, size, 2, dtype=torch.float64) / size) / factor ** (2 / size)
        (model.gte if ending != "Model" else model).rotary_emb.inv_freq = frequencies
        write_expected(folder, *base.family_expected(name, model))
        config = json.loads((folder / "config.json").read_text())
        for key in ("rope_parameters", "transformers_version", "dtype"):
            config.pop(key)
        config |= {"architectures": ["New" + ending], "model_type": "new", "rope_theta": theta, "rope_scaling": {"type": "ntk", "factor": factor},
                   "layer_norm_type": "layer_norm", "position_embedding_type": "rope", "pack_qkv": True, "logn_attention_scale": False}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


class JinaBert(torch.nn.Module):
    """JinaBERT by its formulas: post-norm, ALiBi of both directions, GEGLU. Names of modules are those of the authors' files."""

    def __init__(self, config, head):
        super().__init__()
        self.config, self.head = config, head
        size, inner = config.hidden_size, config.intermediate_size
        linear = torch.nn.Linear
        norm = lambda: torch.nn.LayerNorm(size, eps=config.layer_norm_eps)
        weights = {"embeddings.word_embeddings": torch.nn.Embedding(config.vocab_size, size),
                   "embeddings.token_type_embeddings": torch.nn.Embedding(config.type_vocab_size, size), "embeddings.LayerNorm": norm()}
        for i in range(config.num_hidden_layers):
            layer = f"encoder.layer.{i}."
            for part in ("query", "key", "value"):
                weights[layer + "attention.self." + part] = linear(size, size)
            weights |= {layer + "attention.output.dense": linear(size, size), layer + "attention.output.LayerNorm": norm(),
                        layer + "mlp.gated_layers": linear(size, 2 * inner, bias=False), layer + "mlp.wo": linear(inner, size), layer + "mlp.layernorm": norm()}
        prefix = "" if head == "model" else "bert."
        weights = {prefix + key: module for key, module in weights.items()}
        if head != "masked_lm":
            weights[prefix + "pooler.dense"] = linear(size, size)
        if head == "classifier":
            weights["classifier"] = linear(size, 3)
        if head == "masked_lm":
            weights |= {"cls.predictions.transform.dense": linear(size, size), "cls.predictions.transform.LayerNorm": norm()}
            self.output_bias = torch.nn.Parameter(torch.zeros(config.vocab_size))
        self.names, self.prefix = list(weights), prefix
        self.weights = torch.nn.ModuleList(weights.values())

    def part(self, name):
        return self.weights[self.names.index(name)]

    def tensors(self, of=lambda weight: weight):
        named = {f"{name}.{key}": of(weight) for name, module in zip(self.names, self.weights) for key, weight in module.named_parameters()}
        if self.head == "masked_lm":
            named["cls.predictions.bias"] = of(self.output_bias)
        return {name: value.detach().float().contiguous() for name, value in named.items()}

    def forward(self, input_ids, token_type_ids, attention_mask):
        bert = lambda name: self.part(self.prefix + name)
        heads, length = self.config.num_attention_heads, input_ids.shape[1]
        slopes = torch.tensor(alibi_slopes(heads), dtype=torch.float64)
        distance = (torch.arange(length)[:, None] - torch.arange(length)[None, :]).abs()
        bias = -slopes[:, None, None] * distance + torch.where(attention_mask[:, None, None, :] > 0, 0.0, -math.inf)
        x = bert("embeddings.LayerNorm")(bert("embeddings.word_embeddings")(input_ids) + bert("embeddings.token_type_embeddings")(token_type_ids))
        split = lambda y: y.unflatten(-1, (heads, -1)).transpose(1, 2)
        for i in range(self.config.num_hidden_layers):
            layer = lambda name: bert(f"encoder.layer.{i}.{name}")
            q, k, v = (split(layer("attention.self." + part)(x)) for part in ("query", "key", "value"))
            weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + bias, -1)
            y = layer("attention.output.dense")((weights @ v).transpose(1, 2).flatten(2))
            x = layer("attention.output.LayerNorm")(x + y)
            gate, value = layer("mlp.gated_layers")(x).chunk(2, -1)
            x = layer("mlp.layernorm")(x + layer("mlp.wo")(torch.nn.functional.gelu(gate) * value))
        if self.head == "masked_lm":
            x = self.part("cls.predictions.transform.LayerNorm")(torch.nn.functional.gelu(self.part("cls.predictions.transform.dense")(x)))
            return t.modeling_outputs.MaskedLMOutput(logits=x @ bert("embeddings.word_embeddings").weight.T + self.output_bias)
        pooled = torch.tanh(bert("pooler.dense")(x[:, 0]))
        if self.head == "classifier":
            return t.modeling_outputs.SequenceClassifierOutput(logits=self.part("classifier")(pooled))
        return t.modeling_outputs.BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=pooled)


def alibi_slopes(heads):
    """Press et al. 2022: a power of two has 2^(-8 i / heads); other numbers take those of the next lower one, then every other one of the next."""
    if math.log2(heads).is_integer():
        return [2 ** (-8 * (i + 1) / heads) for i in range(heads)]
    lower = 2 ** math.floor(math.log2(heads))
    return alibi_slopes(lower) + alibi_slopes(2 * lower)[0::2][:heads - lower]


def write_jina_bert():
    for seed, (head, ending) in enumerate([("masked_lm", "ForMaskedLM"), ("classifier", "ForSequenceClassification"), ("model", "Model")], start=400):
        name = "jina_bert_" + head
        folder = base.ROOT / name
        folder.mkdir(exist_ok=True)
        sizes = {key: value for key, value in base.SIZES.items() if key != "attn_implementation"}
        config = t.BertConfig(**sizes, layer_norm_eps=1e-3, **(base.NAMED if head == "classifier" else {}))
        model = JinaBert(config, head)
        base.spread_weights(model, seed)
        safetensors.torch.save_file(model.tensors(), folder / "model.safetensors")
        model.double()
        expected, outputs = base.family_expected(name, model)
        write_expected(folder, expected, outputs)
        if head == "masked_lm":
            texts = expected["sequences"]
            longest = max(map(len, texts))
            padded = lambda rows, value: torch.tensor([row + [value] * (longest - len(row)) for row in rows])
            logits = model(padded(texts, 0), padded(expected["token_types"], 0), padded([[1] * len(text) for text in texts], 0)).logits
            logits = torch.cat([logits[i, :len(text)] for i, text in enumerate(texts)])
            torch.nn.functional.cross_entropy(logits, torch.tensor(sum(expected["labels"], []))).backward()
            safetensors.torch.save_file(model.tensors(lambda weight: weight.grad), folder / "gradients.safetensors")
        written = {key: value for key, value in config.to_dict().items() if key in (*sizes, "layer_norm_eps", "hidden_act", "pad_token_id", "type_vocab_size", "id2label", "label2id")}
        if head != "classifier":
            written.pop("id2label", None), written.pop("label2id", None)
        written |= {"architectures": ["JinaBert" + ending], "model_type": "bert", "feed_forward_type": "geglu", "position_embedding_type": "alibi"}
        (folder / "config.json").write_text(json.dumps(written, indent=2) + "\n")


def write():
    write_families()
    write_new()
    write_jina_bert()


if __name__ == "__main__":
    write()
