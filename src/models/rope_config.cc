#include "models/rope_config.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr ChoiceName<RopeScaling> kScalings[] = {
    {"default", RopeScaling::none}, {"linear", RopeScaling::linear}, {"dynamic", RopeScaling::dynamic},
    {"yarn", RopeScaling::yarn},    {"llama3", RopeScaling::llama3},
};

RopeScaling scaling_of(const ConfigReader& in) {
  const std::string name = in.has("rope_type") ? in.text("rope_type") : in.has("type") ? in.text("type") : "default";
  if (const RopeScaling* found = find_choice(kScalings, name)) return *found;
  fail(ErrorCode::unsupported, "{}: \"rope_type\" is \"{}\"; there are {}", in.file(), shortened(name, 60), list_of_names(kScalings));
}

// Requires the keys that the scaling needs, as transformers does.
void require(const ConfigReader& in, RopeScaling scaling) {
  std::vector<std::string_view> keys;
  if (scaling != RopeScaling::none) keys = {"factor"};
  if (scaling == RopeScaling::llama3) keys = {"factor", "low_freq_factor", "high_freq_factor"};
  for (std::string_view key : keys) {
    if (!in.given(key)) fail(ErrorCode::bad_input, "{}: the key \"{}\" is missing, which its \"rope_type\" needs", in.file(), key);
  }
}

// Refuses partially rotated heads: transformers rotates whole heads in these classes.
void expect_whole_heads(const ConfigReader& in) {
  if (const float part = in.number("partial_rotary_factor", 1); part != 1) {
    fail(ErrorCode::unsupported, "{}: \"partial_rotary_factor\" is {}; only heads that turn whole are supported", in.file(), part);
  }
}

// A value of 0 means the default of yarn, as in transformers.
float number_or(const ConfigReader& in, std::string_view key, float fallback) {
  const float value = in.number(key, fallback);
  return value == 0 ? fallback : value;
}

void read_yarn(const ConfigReader& in, int max_position_embeddings, RopeOptions& rope) {
  if (!in.has("factor")) rope.factor = static_cast<double>(max_position_embeddings) / static_cast<double>(rope.original_max_positions);
  rope.beta_fast = number_or(in, "beta_fast", 32);
  rope.beta_slow = number_or(in, "beta_slow", 1);
  rope.attention_factor = in.number("attention_factor", 0);
  if (in.has("attention_factor") && rope.attention_factor <= 0) {
    fail(ErrorCode::bad_input, "{}: \"attention_factor\" is {}; it must be more than 0", in.file(), rope.attention_factor);
  }
  rope.mscale = in.number("mscale", 0);
  rope.mscale_all_dim = in.number("mscale_all_dim", 0);
  rope.truncate = in.boolean("truncate", true);
}

// `in` is the object with the scaling parameters, `config` the enclosing one.
void read_parameters(const ConfigReader& in, const ConfigReader& config, int max_position_embeddings, RopeOptions& rope) {
  rope.scaling = scaling_of(in);
  require(in, rope.scaling);
  expect_whole_heads(in);
  rope.theta = in.number("rope_theta", static_cast<float>(rope.theta));
  rope.factor = in.number("factor", 1);
  // dynamic scaling uses the model's length; yarn and llama3 have their own, for which the top-level key takes precedence.
  rope.original_max_positions = max_position_embeddings;
  if (rope.scaling == RopeScaling::yarn || rope.scaling == RopeScaling::llama3) {
    const ConfigReader& place = config.has("original_max_position_embeddings") ? config : in;
    rope.original_max_positions = place.integer("original_max_position_embeddings", max_position_embeddings);
  }
  rope.low_freq_factor = in.number("low_freq_factor", 1);
  rope.high_freq_factor = in.number("high_freq_factor", 4);
  if (rope.scaling == RopeScaling::yarn) read_yarn(in, max_position_embeddings, rope);
  if (rope.scaling == RopeScaling::none && rope.factor > 0 && rope.factor != 1) {
    log_warning("{}: \"factor\" is {}, but nothing is scaled without a \"rope_type\"", in.file(), rope.factor);
  }
}

}  // namespace

RopeOptions read_rope(const ConfigReader& in, int max_position_embeddings) {
  RopeOptions rope;
  expect_whole_heads(in);
  rope.theta = in.number("rope_theta", 10000);
  // If both keys are present, the older one takes precedence unless it is {}.
  for (std::string_view key : {"rope_scaling", "rope_parameters"}) {
    if (!in.has(key) || in.object(key).empty()) continue;
    read_parameters(in.object(key), in, max_position_embeddings, rope);
    break;
  }
  return rope;
}

void write_rope(const RopeOptions& rope, nlohmann::ordered_json& out) {
  nlohmann::ordered_json parameters;
  for (const auto& [name, scaling] : kScalings) {
    if (scaling == rope.scaling) parameters["rope_type"] = name;
  }
  const auto put = [&](const char* key, double value, double fallback) {
    if (value != fallback) parameters[key] = shortest(static_cast<float>(value));
  };
  if (rope.scaling != RopeScaling::none) {
    parameters["factor"] = shortest(static_cast<float>(rope.factor));
    parameters["original_max_position_embeddings"] = rope.original_max_positions;
  }
  if (rope.scaling == RopeScaling::llama3) {
    parameters["low_freq_factor"] = shortest(static_cast<float>(rope.low_freq_factor));
    parameters["high_freq_factor"] = shortest(static_cast<float>(rope.high_freq_factor));
  }
  if (rope.scaling == RopeScaling::yarn) {
    put("beta_fast", rope.beta_fast, 32);
    put("beta_slow", rope.beta_slow, 1);
    put("attention_factor", rope.attention_factor, 0);
    put("mscale", rope.mscale, 0);
    put("mscale_all_dim", rope.mscale_all_dim, 0);
    if (!rope.truncate) parameters["truncate"] = false;
  }
  if (rope.scaling != RopeScaling::none) out["rope_scaling"] = parameters;
  parameters["rope_theta"] = shortest(static_cast<float>(rope.theta));
  out["rope_parameters"] = parameters;
  out["rope_theta"] = shortest(static_cast<float>(rope.theta));
}

}  // namespace qkv
