// A few hundred damaged model directories of every class: each either opens and computes, or is refused in one line. Run under the
// sanitizers (scripts/test --sanitizers), where an out-of-bounds read or an overflow is a failure too.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/temporary_directory.h"
#include "formats/json.h"
#include "models/model_directory.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

// Changes files at random, reproducibly for a given seed.
class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}
  size_t below(size_t count) { return random_() % count; }

  std::string json(const std::string& text) {
    ordered_json whole = ordered_json::parse(text);
    for (size_t times = 1 + below(3); times > 0; --times) change_leaf(whole);
    std::string changed = whole.dump();
    if (below(8) == 0) changed.insert(1, whole.begin() == whole.end() ? "" : '"' + whole.begin().key() + "\":0,");  // duplicate key
    if (const size_t at = changed.find("\"<inf>\""); at != std::string::npos) changed.replace(at, 7, below(2) == 0 ? "Infinity" : "NaN");
    return changed;
  }

  // A safetensors file with a changed header, which is still JSON, and unchanged data.
  std::string tensors(const std::string& file) {
    uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof(length));
    const std::string header = json(file.substr(sizeof(length), length));
    length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header + file.substr(file.size() - data_bytes(file));
  }

  std::string bytes(std::string content) {
    for (size_t times = 1 + below(3); times > 0 && !content.empty(); --times) {
      // Favours the beginning of a file, which is the most significant part.
      const size_t at = below(2) == 0 ? below(std::min<size_t>(content.size(), 200)) : below(content.size());
      switch (below(4)) {
        case 0: content.resize(at); break;
        case 1: content[at] = static_cast<char>(content[at] ^ 1 << below(8)); break;
        case 2: content.insert(at, std::string(1 + below(20), static_cast<char>(below(256)))); break;
        default: content.erase(at, 1 + below(20)); break;
      }
    }
    return content;
  }

 private:
  static size_t data_bytes(const std::string& file) {
    uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof(length));
    return file.size() - sizeof(length) - length;
  }

  ordered_json odd_value() {
    static const ordered_json values = ordered_json::parse(R"([null, true, false, -1, 0, 1, 2, 3, 7, 65536, 16777216, 2147483647,
        -2147483648, 9223372036854775807, 18446744073709551615, 0.5, -0.5, 1e-300, 1e300, "<inf>", "", "x", "0", "long", "gelu", "linear",
        "dynamic", "yarn", "llama3", "F16", "I64", "F8_E4M3", [], {}, [1, 2, 3], [[-1]], {"0": "a", "1": "b\nc"},
        {"rope_type": "dynamic", "factor": -1}, "LlamaForCausalLM", "QkvTransformer"])");
    const ordered_json& value = values[below(values.size())];
    return value == "long" ? ordered_json(std::string(100'000, 'x')) : value;
  }

  void change_leaf(ordered_json& whole) {
    const ordered_json flat = whole.flatten();
    if (flat.empty() || !whole.is_object()) return;
    const ordered_json::json_pointer pointer(std::next(flat.begin(), static_cast<int64_t>(below(flat.size()))).key());
    ordered_json& parent = whole[pointer.parent_pointer()];
    const size_t kind = below(6);
    if (kind == 0 && parent.is_object()) {
      parent.erase(pointer.back());
    } else if (kind == 1 && parent.is_object()) {  // renames the key, possibly to another tensor's name
      const ordered_json value = parent[pointer.back()];
      parent[below(2) == 0 ? "lm_head.weight" : "model." + pointer.back()] = value;
      parent.erase(pointer.back());
    } else if (kind == 2 && !pointer.parent_pointer().empty()) {
      parent = odd_value();
    } else {
      whole[pointer] = odd_value();
    }
  }

  std::mt19937 random_;
};

UniformConfig small(Kind kind, Position position) {
  UniformConfig config;
  config.kind = kind;
  config.vocab_size = 7;
  config.hidden_size = 8;
  config.encoder_layers = kind == Kind::decoder_only ? 0 : 1;
  config.decoder_layers = kind == Kind::encoder_only ? 0 : 1;
  config.num_attention_heads = config.num_key_value_heads = 2;
  config.encoder_ffn_dim = config.decoder_ffn_dim = 4;
  config.max_position_embeddings = 8;
  config.position = position;
  if (kind != Kind::encoder_decoder) config.scale_embedding = config.final_logits_bias = false;
  return config;
}

// One network of each class, and one that no class of transformers can hold.
std::vector<UniformConfig> configs() {
  std::vector<UniformConfig> all(2, small(Kind::encoder_decoder, Position::sinusoidal));
  all[1].norm_position = NormPlace::pre;
  UniformConfig gpt2 = small(Kind::decoder_only, Position::learned);
  gpt2.norm_position = NormPlace::pre;
  all.push_back(gpt2);
  UniformConfig llama = small(Kind::decoder_only, Position::rope);
  llama.norm_position = NormPlace::pre;
  llama.norm = NormKind::rms;
  llama.gated_ffn = true;
  llama.linear_bias = llama.tie_word_embeddings = false;
  llama.num_key_value_heads = 1;
  llama.rope.scaling = RopeScaling::yarn;
  llama.rope.factor = 2;
  llama.rope.original_max_positions = 4;
  all.push_back(llama);
  llama.sliding_window = 3;
  llama.rope = {};
  all.push_back(llama);
  UniformConfig bert = small(Kind::encoder_only, Position::learned);
  bert.embedding_norm = true;
  bert.token_types = 2;
  all.push_back(bert);
  bert.head = Head::classification;
  bert.num_labels = 3;
  all.push_back(bert);
  UniformConfig own = small(Kind::encoder_decoder, Position::t5);
  own.norm = NormKind::rms;
  all.push_back(own);
  return all;
}

// Acts like a command: reads everything, computes some tokens and, if `save`, writes the model again.
void use(const std::filesystem::path& directory, bool save) {
  const ModelDirectory opened(directory);
  const std::unique_ptr<Model> model = opened.make_model(DType::f32, Device::cpu);
  opened.verify_weights();
  opened.read_weights(*model);
  const TokenBatch batch{{0, 0}, Segments::of_lengths(std::vector<int32_t>{1, 1}), {}};
  ForwardContext context;
  const Tensor memory = model->network.encode(batch, context);
  if (model->config.has_decoder()) {
    model->network.logits(model->network.decode(batch, memory, memory ? batch.segments : Segments(), context));
  } else {
    model->network.logits_of_rows(memory, batch.segments, std::vector<int32_t>{0, 1}, context);
  }
  if (save) save_model(*model, directory / "again");
}

TEST(MutatedDirectory, OpensOrIsRefusedInOneLine) {
  constexpr uint32_t kEach = 40;
  set_log_level(LogLevel::quiet);
  const int64_t before = memory_statistics().bytes_peak;
  int opened = 0, refused = 0;
  uint32_t seed = 0;
  for (const UniformConfig& config : configs()) {
    const TemporaryDirectory directory;
    save_model(*create_model(config, 1), directory / "model");
    EXPECT_NO_THROW(use(directory / "model", true));
    std::vector<std::pair<std::string, std::string>> files;
    for (const char* name : {"config.json", "generation_config.json", "model.safetensors"}) {
      if (std::filesystem::exists(directory / "model" / name)) files.emplace_back(name, read_file(directory / "model" / name));
    }
    for (uint32_t i = 0; i < kEach; ++i) {
      Mutator mutator(++seed);
      const size_t chosen = mutator.below(files.size());
      for (size_t f = 0; f < files.size(); ++f) {
        const auto& [name, content] = files[f];
        std::string changed = content;
        if (f == chosen) {
          const bool binary = name.ends_with(".safetensors");
          changed = mutator.below(3) == 0 ? mutator.bytes(content) : binary ? mutator.tensors(content) : mutator.json(content);
        }
        std::ofstream(directory / "model" / name, std::ios::binary) << changed;
      }
      try {
        use(directory / "model", i % 4 == 0);  // only some are written, since writing waits for the disk
        ++opened;
      } catch (const Error& error) {
        ++refused;
        const std::string message = error.what();
        EXPECT_NE(error.code(), ErrorCode::internal) << "seed " << seed << ": " << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << "seed " << seed;
        EXPECT_LT(message.size(), 1000u) << "seed " << seed;
        EXPECT_NE(message.find(directory.path().string()), std::string::npos) << "seed " << seed << ": " << message;
      }
    }
  }
  set_log_level(LogLevel::normal);
  EXPECT_LT(memory_statistics().bytes_peak - before, 4 << 20);
  EXPECT_GT(opened, 20);
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace qkv
