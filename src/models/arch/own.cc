// qkv's own class for networks that no class of transformers can hold: every choice of UniformConfig under its own name, with qkv's names
// of weights.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/json_numbers.h"
#include "models/rope_config.h"
#include "models/uniform_fields.h"

namespace qkv {
namespace {

class FieldReader {
 public:
  explicit FieldReader(const ConfigReader& in) : in_(in) {}

  void required(std::string_view key, int& field) const { field = in_.integer(key); }
  void required(std::string_view key, Activation& field) const { field = in_.activation(key); }
  template <typename Choice, size_t N>
  void required(std::string_view key, Choice& field, const ChoiceName<Choice> (&names)[N]) const {
    const std::string text = in_.text(key);
    const Choice* found = find_choice(names, text);
    if (!found)
      fail(ErrorCode::bad_input, "{}: \"{}\" is \"{}\"; there are {}", in_.file(), key, shortened(text, 60), list_of_names(names));
    field = *found;
  }
  void optional(std::string_view key, int& field, int fallback) const { field = in_.integer(key, fallback); }
  void optional(std::string_view key, float& field, float fallback) const { field = in_.number(key, fallback); }
  void optional(std::string_view key, bool& field, bool fallback) const { field = in_.boolean(key, fallback); }
  void optional(std::string_view key, Activation& field, Activation fallback) const { field = in_.activation(key, fallback); }
  template <typename Field>
  void rare(std::string_view key, Field& field, Field fallback) const {
    optional(key, field, fallback);
  }
  template <typename Choice, size_t N>
  void rare(std::string_view key, Choice& field, Choice fallback, const ChoiceName<Choice> (&names)[N]) const {
    field = fallback;
    if (in_.has(key)) required(key, field, names);
  }
  void derived(std::string_view, bool) const {}
  void rope(RopeOptions& rope) const {
    const int most = in_.integer("max_position_embeddings");
    rope = read_rope(in_, {.max_position_embeddings = most, .query_growth = true});
    if (in_.has("rope_parameters")) {  // in transformers' classes dynamic scaling has no original length of its own
      rope.original_max_positions = in_.object("rope_parameters").integer("original_max_position_embeddings", most);
    }
  }

 private:
  const ConfigReader& in_;
};

class FieldWriter {
 public:
  explicit FieldWriter(nlohmann::ordered_json& out) : out_(out) {}

  void required(std::string_view key, int field) { put(key, field); }
  void required(std::string_view key, Activation field) { put(key, activation_name(field)); }
  template <typename Choice, size_t N>
  void required(std::string_view key, Choice field, const ChoiceName<Choice> (&names)[N]) {
    put(key, name_of_choice(names, field));
  }
  template <typename Field>
  void optional(std::string_view key, Field field, Field) {
    if constexpr (std::is_same_v<Field, float>) {
      put(key, shortest(field));
    } else if constexpr (std::is_same_v<Field, Activation>) {
      put(key, activation_name(field));
    } else {
      put(key, field);
    }
  }
  template <typename Field>
  void rare(std::string_view key, Field field, Field fallback) {
    if (field != fallback) optional(key, field, fallback);
  }
  template <typename Choice, size_t N>
  void rare(std::string_view key, Choice field, Choice fallback, const ChoiceName<Choice> (&names)[N]) {
    if (field != fallback) required(key, field, names);
  }
  void derived(std::string_view key, bool value) { put(key, value); }
  void rope(const RopeOptions& rope) {
    write_rope(rope, out_);
    if (rope.scaling == RopeScaling::dynamic) out_["rope_parameters"]["original_max_position_embeddings"] = rope.original_max_positions;
  }

 private:
  template <typename Value>
  void put(std::string_view key, Value value) {
    out_[std::string(key)] = value;
  }
  nlohmann::ordered_json& out_;
};

TransformerConfig read_config(const ConfigReader& in) {
  UniformConfig config;
  FieldReader reader(in);
  visit_fields(config, reader);
  if (config.has_decoder()) config.pad_token_id = config.decoder_start_token_id = -1;  // ids without a default
  if (names_labels(config.head)) config.num_labels = in.label_count();
  if (has_one_output(config.head)) config.num_labels = 1;
  return config;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  UniformConfig config = as_uniform(network);
  FieldWriter writer(out);
  visit_fields(config, writer);
}

}  // namespace

Architecture own() {
  return {.class_name = "QkvTransformer", .model_type = "qkv", .read_config = read_config, .write_config = write_config};
}

}  // namespace qkv
