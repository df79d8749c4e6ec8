#!/usr/bin/env python3
"""Writes tiny sentence-transformers models (random weights) and the vectors that sentence-transformers makes of texts with them.

Each folder of tests/goldens/embeddings/ is a model directory with two more files: expected.json ("versions"; "texts"; "runs": the arguments of
SentenceTransformer.encode: "prompt_name", "truncate_dim", "normalize"; "max_tokens", "similarity") and expected.safetensors (a tensor per run, "0", "1", …:
[texts, size] in f32). Everything is computed in float64, text by text.
"""

import json
import pathlib
import platform
import shutil
import sys

import safetensors
import safetensors.torch
import sentence_transformers
import tokenizers
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling

ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "embeddings"
VERSIONS = {
    "python": platform.python_version(),
    "torch": torch.__version__.split("+")[0],
    "transformers": transformers.__version__,
    "sentence_transformers": sentence_transformers.__version__,
    "tokenizers": tokenizers.__version__,
    "safetensors": safetensors.__version__,
}
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the a boat river is old new and very good query : passage search ##s ##er ö . ,".split()
TEXTS = ["the boat is old", "A new river", "", "very good", "The River, the BOATS and the newer rivers ö", "the [SEP] boat [MASK]",
         "the boat and the river and the boat and the river and the boat and the river is very very good", "boats"]
SIZE = 16


def make_tokenizer(folder, lowercase, template):
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase, strip_accents=False)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single=template, special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])])
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
                                         mask_token="[MASK]").save_pretrained(folder)


def spread_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() == 1:
                weight.copy_(0.2 * noise + (1 if "norm" in name.lower() and name.endswith("weight") else 0))
            else:
                weight.copy_(0.4 * noise)


def write_bert(folder, seed, lowercase=True):
    config = transformers.BertConfig(vocab_size=len(WORDS), hidden_size=SIZE, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
                                     max_position_embeddings=20)
    model = transformers.BertModel(config)
    spread_weights(model, seed)
    model.save_pretrained(folder)
    make_tokenizer(folder, lowercase, "[CLS] $A [SEP]")


def write_llama(folder, seed):
    config = transformers.LlamaConfig(vocab_size=len(WORDS), hidden_size=SIZE, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
                                      num_key_value_heads=2, max_position_embeddings=18)
    model = transformers.LlamaForCausalLM(config)
    spread_weights(model, seed)
    model.save_pretrained(folder)
    make_tokenizer(folder, True, "$A [SEP]")


def write_json(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def old_layout(folder, sentence_config, pooling, modules=(), whole=None):
    """The files as versions before 6 wrote them."""
    names = [("", "Transformer"), ("1_Pooling", "Pooling"), *modules]
    write_json(folder / "modules.json",
               [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"} for i, (path, name) in enumerate(names)])
    write_json(folder / "sentence_bert_config.json", sentence_config)
    write_json(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": SIZE, **{f"pooling_mode_{mode}": True for mode in pooling}})
    write_json(folder / "config_sentence_transformers.json", {"__version__": {"sentence_transformers": "2.0.0"}, **(whole or {})})


def mean_normalize(folder):
    write_bert(folder, 1)
    old_layout(folder, {"max_seq_length": 12, "do_lower_case": False}, ["mean_tokens"], [("2_Normalize", "Normalize")])
    return [{}, {"truncate_dim": 5}, {"truncate_dim": 5, "normalize": True}]


def lower_case_several_modes(folder):
    write_bert(folder, 2, lowercase=False)
    old_layout(folder, {"max_seq_length": 400, "do_lower_case": True}, ["max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "cls_token"])
    return [{}, {"normalize": True}]


def cls_dense_prompts(folder):
    """As sentence-transformers 6 saves it, with prompts of which one is the default."""
    plain = folder.with_name("plain")
    write_bert(plain, 3)
    torch.manual_seed(3)
    model = SentenceTransformer(
        modules=[Transformer(str(plain), max_seq_length=11), Pooling(SIZE, "cls"), Dense(SIZE, 12), LayerNorm(12),
                 Dense(12, 6, bias=False, activation_function=torch.nn.Identity()), Normalize()],
        prompts={"query": "query : ", "passage": "passage: "}, default_prompt_name="passage", similarity_fn_name="dot", device="cpu")
    for i in (2, 3, 4):
        spread_weights(model[i], i)
    model.save(str(folder))
    shutil.rmtree(plain)
    return [{}, {"prompt_name": "query"}, {"prompt_name": "query", "truncate_dim": 4}]


def weighted_without_prompt(folder):
    write_bert(folder, 4)
    old_layout(folder, {"max_seq_length": 14}, ["weightedmean_tokens", "lasttoken"],
               whole={"prompts": {"query": "search query:", "none": ""}, "default_prompt_name": None, "similarity_fn_name": "euclidean", "truncate_dim": 20})
    config = json.loads((folder / "1_Pooling" / "config.json").read_text())
    write_json(folder / "1_Pooling" / "config.json", {**config, "include_prompt": False})
    return [{}, {"prompt_name": "query"}, {"prompt_name": "none", "truncate_dim": 32}]


def decoder_alone(folder):
    """No files of sentence-transformers: pooling is the last token's."""
    write_llama(folder, 5)
    return [{}]


def gemma_dense_prompts(folder):
    """As EmbeddingGemma: attention in both directions, the mean, and two linear layers of which the first is wider."""
    plain = folder.with_name("plain")
    config = transformers.Gemma3TextConfig(
        vocab_size=len(WORDS), hidden_size=SIZE, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=6,
        max_position_embeddings=40, sliding_window=6, layer_types=["sliding_attention", "full_attention"], use_bidirectional_attention=True)
    model = transformers.Gemma3TextModel(config)
    spread_weights(model, 7)
    model.save_pretrained(plain)
    make_tokenizer(plain, True, "[CLS] $A [SEP]")
    model = SentenceTransformer(
        modules=[Transformer(str(plain), max_seq_length=30), Pooling(SIZE, "mean"),
                 Dense(SIZE, 24, bias=False, activation_function=torch.nn.Identity()), Dense(24, SIZE, bias=False, activation_function=torch.nn.Identity()),
                 Normalize()], prompts={"query": "query : ", "document": "the "}, device="cpu")
    for i in (2, 3):
        spread_weights(model[i], i)
    model.save(str(folder))
    shutil.rmtree(plain)
    return [{}, {"prompt_name": "query"}, {"prompt_name": "document", "truncate_dim": 8}]


def bert_alone(folder):
    write_bert(folder, 6)
    return [{}]


def t5_dense_normalize(folder):
    """As sentence-t5: the encoder of T5, the mean and a linear layer."""
    plain = folder.with_name("plain")
    config = transformers.T5Config(vocab_size=len(WORDS), d_model=SIZE, d_ff=20, d_kv=6, num_layers=2, num_heads=3, relative_attention_num_buckets=8,
                                   relative_attention_max_distance=10, feed_forward_proj="gated-gelu", eos_token_id=3)
    model = transformers.T5EncoderModel(config)
    spread_weights(model, 8)
    model.save_pretrained(plain)
    make_tokenizer(plain, True, "$A [SEP]")
    model = SentenceTransformer(modules=[Transformer(str(plain), max_seq_length=16), Pooling(SIZE, "mean"),
                                         Dense(SIZE, 8, bias=False, activation_function=torch.nn.Identity()), Normalize()], device="cpu")
    spread_weights(model[2], 2)
    model.save(str(folder))
    shutil.rmtree(plain)
    return [{}, {"truncate_dim": 5, "normalize": True}]


def main(only=""):
    if not only:
        shutil.rmtree(ROOT, ignore_errors=True)
    for make in (mean_normalize, lower_case_several_modes, cls_dense_prompts, weighted_without_prompt, decoder_alone, bert_alone,
                 gemma_dense_prompts, t5_dense_normalize):
        if only and make.__name__ != only:
            continue
        folder = ROOT / make.__name__
        folder.mkdir(parents=True)
        runs = make(folder)
        (folder / "README.md").unlink(missing_ok=True)
        model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"attn_implementation": "eager"}).double().eval()
        limit = min(model.max_seq_length, getattr(model[0].model.config, "max_position_embeddings", model.max_seq_length))
        model.max_seq_length = limit  # longer texts have no positions
        vectors = {}
        for i, run in enumerate(runs):
            arguments = {"prompt_name": run.get("prompt_name"), "truncate_dim": run.get("truncate_dim"), "normalize_embeddings": run.get("normalize", False)}
            vectors[str(i)] = torch.stack([model.encode(text, convert_to_tensor=True, show_progress_bar=False, **arguments) for text in TEXTS]).float()
        write_json(folder / "expected.json", {"versions": VERSIONS, "texts": TEXTS, "runs": runs, "max_tokens": limit, "similarity": model.similarity_fn_name})
        safetensors.torch.save_file(vectors, folder / "expected.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
