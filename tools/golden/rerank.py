#!/usr/bin/env python3
"""Writes tiny rerankers (random weights) and the scores that transformers and sentence-transformers give pairs of texts with them.

Each folder of tests/goldens/rerank/ is a model directory with a tokenizer of single characters and expected.json: {"versions", "pairs": [[query, document]],
"instruction", "logits", "scores"}. qwen3: logit("yes") - logit("no") after the prompt of Qwen3-Reranker's model card, in float64; qwen3_template: what lies beside these files for
CrossEncoder, with a chat template and a prompt, and what CrossEncoder.predict gives; bert: CrossEncoder.predict.
"""

import json
import pathlib
import shutil

import sentence_transformers
import tokenizers
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "rerank"
VERSIONS = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "sentence-transformers": sentence_transformers.__version__}
BEFORE = ('<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. Note that the answer can only '
          'be "yes" or "no".<|im_end|>\n<|im_start|>user\n')
AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
PAIRS = [["what is it", "it is a boat"], ["a", ""], ["where", "no, yes <|im_end|> no"], ["long", "x" * 30]]


def tokenizer(special, template=None):
    letters = sorted(set(BEFORE + AFTER + INSTRUCTION + "<Instruct>Query: Documentabcdefghijklmnopqrstuvwxyz,"))
    vocabulary = {token: i for i, token in enumerate(special + ["yes", "no"] + letters)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=special[0]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"[\s\S]"), "isolated")
    made.add_special_tokens(special)
    if template:
        made.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                                       special_tokens=[(t, vocabulary[t]) for t in ("[CLS]", "[SEP]")])
    return made, vocabulary


def spread(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            weight.copy_(0.2 * noise + (1 if "norm" in name.lower() and name.endswith("weight") else 0) if weight.dim() == 1 else 0.3 * noise)
    return model.eval()


def save(folder, model, made, expected):
    model.save_pretrained(folder)
    made.save(str(folder / "tokenizer.json"))
    (folder / "expected.json").write_text(json.dumps({"versions": VERSIONS, "pairs": PAIRS, **expected}) + "\n")


def qwen3():
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    made, vocabulary = tokenizer(special)
    config = transformers.Qwen3Config(vocab_size=len(vocabulary), hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2,
                                      num_key_value_heads=1, head_dim=6, max_position_embeddings=512, tie_word_embeddings=True, eos_token_id=0)
    model = spread(transformers.Qwen3ForCausalLM(config), 1)
    instruction, logits = "Given a river", []
    plain = tokenizers.Tokenizer.from_str(made.to_str())
    plain.encode_special_tokens = True  # special tokens in texts are ordinary characters
    for told in ("", instruction):
        for query, document in PAIRS:
            text = f"<Instruct>: {told or INSTRUCTION}\n<Query>: {query}\n<Document>: {document}"
            ids = made.encode(BEFORE).ids + plain.encode(text).ids + made.encode(AFTER).ids
            with torch.no_grad():
                last = model.double()(input_ids=torch.tensor([ids])).logits[0, -1]
            logits.append((last[vocabulary["yes"]] - last[vocabulary["no"]]).item())
    save(ROOT / "qwen3", model.float(), made, {"instruction": instruction, "logits": logits, "scores": [1 / (1 + 2.718281828459045 ** -x) for x in logits]})


def qwen3_template():
    """The files that sentence-transformers needs beside those of qwen3, and its scores."""
    folder = ROOT / "qwen3_template"
    template = (BEFORE + '<Instruct>: {{ messages | selectattr("role", "eq", "system") | map(attribute="content") | first | default("none") }}\n'
                '<Query>: {{ messages | selectattr("role", "eq", "query") | map(attribute="content") | first }}\n'
                '<Document>: {{ messages | selectattr("role", "eq", "document") | map(attribute="content") | first }}<|im_end|>\n'
                '{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{{ ending }}{% endif %}')
    shutil.copytree(ROOT / "qwen3", folder)
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    module = "sentence_transformers.{}"
    files = {
        "modules.json": [{"idx": 0, "name": "0", "path": "", "type": module.format("base.modules.transformer.Transformer")},
                         {"idx": 1, "name": "1", "path": "1_LogitScore", "type": module.format("cross_encoder.modules.logit_score.LogitScore")}],
        "1_LogitScore/config.json": {"true_token_id": vocabulary["no"], "false_token_id": vocabulary["yes"], "module_input_name": "causal_logits"},
        "sentence_bert_config.json": {"transformer_task": "text-generation", "module_output_name": "causal_logits",
                                      "modality_config": {kind: {"method": "forward", "method_output_name": "logits"} | how
                                                          for kind, how in (("text", {}), ("message", {"format": "flat"}))},
                                      "processing_kwargs": {"chat_template": {"add_generation_prompt": True, "ending": "he\n"}}},
        "config_sentence_transformers.json": {"model_type": "CrossEncoder", "prompts": {"river": "Find a river"}, "default_prompt_name": "river",
                                              "activation_fn": "torch.nn.modules.activation.Sigmoid"},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<|endoftext|>", "padding_side": "left", "model_max_length": 512},
    }
    (folder / "1_LogitScore").mkdir()
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content) + "\n")
    (folder / "chat_template.jinja").write_text(template)
    model = sentence_transformers.CrossEncoder(str(folder))
    pairs = [["what is it", "it is a boat"], ["a", ""], ["where ", " no, yes"], ["long", "x" * 600]]
    told = {"logits": [], "scores": []}
    for prompt in (None, "Given a lake"):
        told["logits"] += [float(x) for x in model.predict(pairs, prompt=prompt, activation_fn=torch.nn.Identity())]
        told["scores"] += [float(x) for x in model.predict(pairs, prompt=prompt)]
    for name in ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).unlink()
    (folder / "expected.json").write_text(json.dumps({"versions": VERSIONS, "pairs": pairs, "instruction": "Given a lake", **told}) + "\n")


def bert():
    made, vocabulary = tokenizer(["[UNK]", "[CLS]", "[SEP]", "[PAD]"], template=True)
    config = transformers.BertConfig(vocab_size=len(vocabulary), hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                                     max_position_embeddings=36, num_labels=1, pad_token_id=3)
    folder = ROOT / "bert"
    save(folder, spread(transformers.BertForSequenceClassification(config), 2), made, {})
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "model_max_length": 36,
                                                                 "model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}))
    model = sentence_transformers.CrossEncoder(str(folder))
    # Query and document are cut from the longer one there, from the document alone in qkv: the pairs are those that fit, and one long document.
    scores = [float(x) for x in model.predict(PAIRS)]
    logits = [float(x) for x in model.predict(PAIRS, activation_fn=torch.nn.Identity())]
    (folder / "expected.json").write_text(json.dumps({"versions": VERSIONS, "pairs": PAIRS, "logits": logits, "scores": scores}) + "\n")


if __name__ == "__main__":
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    qwen3()
    qwen3_template()
    bert()
