// Encoders with several spellings: keys and names of the authors' own code beside those of transformers' classes, settings that are refused
// by their name, and files without the head of their class. tools/golden/newer_encoders.py wrote the models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "formats/json.h"
#include "io/safetensors.h"
#include "models/model_directory.h"

namespace qkv {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/encoder_models";

std::vector<float> hidden_states(const Model& model) {
  const TokenBatch batch{{2, 7, 4, 18, 3, 2, 9, 3}, Segments::of_lengths(std::vector<int32_t>{5, 3}), {}};
  ForwardContext context;
  return model.network.encode(batch, context).to_vector();
}

using Tensors = std::vector<std::pair<std::string, Tensor>>;

Tensors tensors_of(const std::filesystem::path& directory) {
  const TensorFile reader = open_safetensors(directory / "model.safetensors");
  Tensors tensors;
  for (const auto& [name, entry] : reader.entries()) {
    tensors.emplace_back(name, Tensor::empty(entry.shape, DType::f32));
    reader.read(name, tensors.back().second);
  }
  return tensors;
}

class Variant {
 public:
  explicit Variant(const std::string& golden)
      : config(json::parse(read_file(kGoldens / golden / "config.json"))), tensors(tensors_of(kGoldens / golden)) {}

  std::unique_ptr<Model> open() const {
    std::ofstream(directory_ / "config.json") << config;
    write_safetensors(directory_ / "model.safetensors", tensors);
    return load_model(directory_.path());
  }
  std::string message(const json& changes) {
    config.merge_patch(changes);
    try {
      open();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
      return error.what();
    }
    return "no error";
  }

  json config;
  Tensors tensors;

 private:
  TemporaryDirectory directory_;
};

// Rows [first, first + count) of a matrix, or values of a vector.
Tensor part_of(const Tensor& whole, int64_t part, int64_t parts) {
  Shape shape = whole.shape();
  shape[0] /= parts;
  const std::vector<float> values = whole.to_vector();
  const int64_t count = std::ssize(values) / parts;
  return Tensor::from(std::vector<float>(values.begin() + part * count, values.begin() + (part + 1) * count), shape);
}

// The tensors under the names that the modules of transformers' classes have, q, k and v apart.
Tensors with_module_names(const Tensors& tensors) {
  constexpr std::pair<const char*, const char*> kRenamed[] = {{"encoder.layers", "layers"},
                                                              {"encoder.layer.", "layers."},
                                                              {"emb_ln", "embeddings.LayerNorm"},
                                                              {"fc12", "gate_proj"},
                                                              {"fc11", "up_proj"},
                                                              {"attn.out_proj", "self_attn.o_proj"},
                                                              {"mixer.out_proj", "self_attn.o_proj"},
                                                              {"attention.o_proj", "self_attn.o_proj"},
                                                              {"norm1", "post_attention_layernorm"},
                                                              {"norm2", "post_mlp_layernorm"},
                                                              {"attn_ln", "post_attention_layernorm"},
                                                              {"mlp_ln", "post_mlp_layernorm"},
                                                              {"lm_head.norm", "lm_head.layer_norm"}};
  Tensors renamed;
  for (const auto& [theirs, tensor] : tensors) {
    std::string name = theirs;
    for (const auto& [from, to] : kRenamed) {
      if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, std::string(from).size(), to);
    }
    if (name.find("fc2") != std::string::npos && name.find("fc1") == std::string::npos && theirs.starts_with("nomic"))
      name.replace(name.find("fc2"), 3, "down_proj");
    for (const char* fused : {"attn.Wqkv", "mixer.Wqkv", "attention.qkv_proj", "mlp.up_gate_proj"}) {
      const size_t at = name.find(fused);
      if (at == std::string::npos) continue;
      const bool gated = std::string(fused).ends_with("gate_proj");
      const std::vector<const char*> parts =
          gated ? std::vector{"mlp.up_proj", "mlp.gate_proj"} : std::vector{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
      for (size_t i = 0; i < parts.size(); ++i) {
        std::string one = name;
        renamed.emplace_back(one.replace(at, std::string(fused).size(), parts[i]),
                             part_of(tensor, static_cast<int64_t>(i), std::ssize(parts)));
      }
      name.clear();
      break;
    }
    if (!name.empty()) renamed.emplace_back(name, tensor);
  }
  return renamed;
}

TEST(NewerEncoder, NamesOfTransformersModulesAreReadToo) {
  for (const char* golden : {"nomic_bert_masked_lm", "gte_masked_lm", "jina_v3_classifier"}) {
    Variant variant(golden);
    variant.tensors = with_module_names(variant.tensors);
    EXPECT_EQ(hidden_states(*variant.open()), hidden_states(*load_model(kGoldens / golden))) << golden;
  }
}

TEST(NewerEncoder, NomicBertHasTheKeysOfItsAuthorsToo) {
  Variant variant("nomic_bert_model");
  variant.config = {{"architectures", {"NomicBertModel"}},
                    {"model_type", "nomic_bert"},
                    {"vocab_size", 23},
                    {"n_embd", 18},
                    {"n_inner", 20},
                    {"n_layer", 2},
                    {"n_head", 3},
                    {"n_positions", 41},
                    {"activation_function", "swiglu"},
                    {"layer_norm_epsilon", 1e-3},
                    {"rotary_emb_base", 1000},
                    {"rotary_emb_fraction", 1.0},
                    {"rotary_emb_interleaved", false},
                    {"rotary_emb_scale_base", nullptr},
                    {"rotary_scaling_factor", nullptr},
                    {"qkv_proj_bias", false},
                    {"mlp_fc1_bias", false},
                    {"prenorm", false},
                    {"type_vocab_size", 2}};
  EXPECT_EQ(hidden_states(*variant.open()), hidden_states(*load_model(kGoldens / "nomic_bert_model")));
  const auto message = [&](const json& changes) {
    Variant changed("nomic_bert_model");
    changed.config = variant.config;
    return changed.message(changes);
  };
  EXPECT_THAT(message({{"prenorm", true}}), HasSubstr("\"prenorm\" is true"));
  EXPECT_THAT(message({{"moe_every_n_layers", 2}}), HasSubstr("\"moe_every_n_layers\" is 2, which asks for experts"));
  EXPECT_THAT(message({{"qkv_proj_bias", true}}), HasSubstr("\"qkv_proj_bias\" is true"));
  EXPECT_THAT(message({{"rotary_emb_fraction", 0.5}}), HasSubstr("\"rotary_emb_fraction\" is 0.5"));
  EXPECT_THAT(message({{"activation_function", "gelu"}}), HasSubstr("\"activation_function\" is \"gelu\"; there are swiglu, geglu"));
}

// Older transformers name the pattern of layers and the bases of rotation by keys of their own.
TEST(NewerEncoder, ModernBertHasItsFirstKeysToo) {
  Variant variant("modernbert_masked_lm");
  variant.config.erase("layer_types");
  variant.config.erase("rope_parameters");
  variant.config.merge_patch({{"global_attn_every_n_layers", 3}, {"global_rope_theta", 500.0}, {"local_rope_theta", 20.0}});
  EXPECT_EQ(hidden_states(*variant.open()), hidden_states(*load_model(kGoldens / "modernbert_masked_lm")));
}

// Jina's files name the class with the head for masked tokens, but do not have it.
TEST(NewerEncoder, FilesWithoutTheHeadOfTheirClassHaveItsRows) {
  Variant variant("jina_bert_masked_lm");
  std::erase_if(variant.tensors, [](const auto& tensor) { return tensor.first.starts_with("cls."); });
  const std::unique_ptr<Model> model = variant.open();
  EXPECT_EQ(model->config.head, Head::none);
  EXPECT_EQ(hidden_states(*model), hidden_states(*load_model(kGoldens / "jina_bert_masked_lm")));
}

// GTE's "new" is written as the class that transformers has, and DeBERTa's head under the names that fine-tuned models have.
TEST(NewerEncoder, OtherSpellingsAreWrittenAsThoseOfTransformers) {
  for (const auto& [golden, like] : {std::pair{"new_model", "gte_model"}, {"deberta_v3_masked_lm", "deberta_v2_masked_lm"}}) {
    const TemporaryDirectory temporary;
    const std::unique_ptr<Model> model = load_model(kGoldens / golden);
    save_model(*model, temporary / "saved");
    const ModelDirectory saved(temporary / "saved"), theirs(kGoldens / like);
    EXPECT_EQ(saved.architecture().class_name, theirs.architecture().class_name);
    for (const auto& [name, weight] : saved.weights().all()) EXPECT_TRUE(theirs.weights().find(name)) << name;
    EXPECT_EQ(hidden_states(*load_model(temporary / "saved")), hidden_states(*model));
  }
}

// transformers scales from "max_position_embeddings" on, so the longest text has a key of its own.
TEST(NewerEncoder, NomicKeepsTheScalingAndTheLongestTextOfItsAuthors) {
  const TemporaryDirectory temporary;
  Variant variant("nomic_bert_dynamic_model");
  variant.config = {{"architectures", {"NomicBertModel"}},
                    {"model_type", "nomic_bert"},
                    {"vocab_size", 23},
                    {"n_embd", 18},
                    {"n_inner", 20},
                    {"n_layer", 2},
                    {"n_head", 3},
                    {"n_positions", 41},
                    {"activation_function", "swiglu"},
                    {"layer_norm_epsilon", 1e-3},
                    {"rotary_emb_base", 90},
                    {"rotary_emb_fraction", 1.0},
                    {"rotary_scaling_factor", 3},
                    {"max_trained_positions", 20},
                    {"type_vocab_size", 2}};
  save_model(*variant.open(), temporary / "saved");
  EXPECT_EQ(ModelDirectory(temporary / "saved").architecture().class_name, "NomicBertModel");
  EXPECT_EQ(json::parse(read_file(temporary / "saved" / "config.json"))["max_position_embeddings"], 20);
  const std::unique_ptr<Model> saved = load_model(temporary / "saved");
  EXPECT_EQ(saved->config.max_position_embeddings, 41);
  TokenBatch batch{{}, Segments::of_lengths(std::vector<int32_t>{38}), {}};
  for (int32_t i = 0; i < 38; ++i) batch.ids.push_back(4 + i * 7 % 19);
  ForwardContext context;
  EXPECT_EQ(saved->network.encode(batch, context).to_vector(),
            load_model(kGoldens / "nomic_bert_dynamic_model")->network.encode(batch, context).to_vector());
}

TEST(NewerEncoder, DebertaIsRefusedByWhatIsMissing) {
  const auto message = [](const json& changes) { return Variant("deberta_v2_model").message(changes); };
  EXPECT_THAT(message({{"conv_kernel_size", 3}}), HasSubstr("encoder.conv.conv.weight"));
  EXPECT_THAT(message({{"conv_kernel_size", 4}}), HasSubstr("conv_kernel_size is 4; it must be odd"));
  EXPECT_THAT(message({{"conv_kernel_size", 3}, {"conv_groups", 4}}), HasSubstr("conv_groups 4 does not divide hidden_size 18"));
  EXPECT_THAT(message({{"pos_att_type", "c2p|p2p"}}), HasSubstr("\"pos_att_type\" has \"p2p\"; there are c2p, p2c"));
  EXPECT_THAT(message({{"relative_attention", false}}), HasSubstr("\"relative_attention\" is false and \"pos_att_type\" names kinds"));
  EXPECT_THAT(message({{"norm_rel_ebd", "rms"}}), HasSubstr("\"norm_rel_ebd\" is \"rms\"; there are none, layer_norm"));
  EXPECT_THAT(message({{"position_buckets", 64}}), HasSubstr("position_buckets is 64 for 20 relative positions"));
  EXPECT_THAT(message({{"embedding_size", 9}}), HasSubstr("\"embedding_size\" is 9"));
  EXPECT_EQ(message({{"pos_att_type", "c2p|p2c"}}), "no error");
}

TEST(BadNewerEncoder, UnsupportedSettingsAreNamed) {
  const auto message = [](const char* golden, const json& changes) { return Variant(golden).message(changes); };
  EXPECT_THAT(message("modernbert_model", {{"classifier_pooling", "max"}}),
              HasSubstr("\"classifier_pooling\" is \"max\"; there are cls, mean"));
  EXPECT_THAT(message("modernbert_model", {{"layer_types", {"full_attention"}}}), HasSubstr("\"layer_types\" has 1 entries for 2 layers"));
  EXPECT_THAT(message("modernbert_model", {{"layer_types", {"full_attention", "linear"}}}), HasSubstr("\"layer_types\" has \"linear\""));
  EXPECT_THAT(message("eurobert_model", {{"classifier_pooling", "cls"}}),
              HasSubstr("\"classifier_pooling\" is \"cls\"; there are late, bos"));
  EXPECT_THAT(message("new_model", {{"logn_attention_scale", true}}), HasSubstr("\"logn_attention_scale\" is true"));
  EXPECT_THAT(message("new_model", {{"layer_norm_type", "rms_norm"}}),
              HasSubstr("\"layer_norm_type\" is \"rms_norm\"; only \"layer_norm\""));
  EXPECT_THAT(message("new_model", {{"rope_scaling", {{"mixed_b", 0.2}}}}), HasSubstr("\"mixed_b\" is 0.2"));
  EXPECT_THAT(message("jina_v3_model", {{"lora_adaptations", {"retrieval.query"}}}), HasSubstr("\"lora_adaptations\" names adapters"));
  EXPECT_THAT(message("jina_bert_model", {{"position_embedding_type", "absolute"}}), HasSubstr("\"absolute\"; only \"alibi\""));
  EXPECT_THAT(message("jina_bert_model", {{"feed_forward_type", "original"}}), HasSubstr("\"feed_forward_type\" is \"original\""));
}

}  // namespace
}  // namespace qkv
