#include "models/rope_config.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr std::pair<std::string_view, RopeScaling> kScalings[] = {
    {"default", RopeScaling::none}, {"linear", RopeScaling::linear}, {"dynamic", RopeScaling::dynamic},
    {"yarn", RopeScaling::yarn},    {"llama3", RopeScaling::llama3},
};

RopeScaling scaling_of(const ConfigReader& in) {
  const std::string name = in.has("rope_type") ? in.text("rope_type") : in.has("type") ? in.text("type") : "default";
  std::string known;
  for (const auto& [known_name, scaling] : kScalings) {
    if (name == known_name) return scaling;
    known += (known.empty() ? "" : ", ") + std::string(known_name);
  }
  fail(ErrorCode::unsupported, "{}: \"rope_type\" is \"{}\"; there are {}", in.file(), name.substr(0, 60), known);
}

RopeOptions read_parameters(const ConfigReader& in, int max_position_embeddings) {
  RopeOptions rope;
  rope.scaling = scaling_of(in);
  rope.theta = in.number("rope_theta", 10000);
  rope.factor = in.number("factor", 1);
  rope.original_max_positions = in.integer("original_max_position_embeddings", max_position_embeddings);
  rope.low_freq_factor = in.number("low_freq_factor", 1);
  rope.high_freq_factor = in.number("high_freq_factor", 4);
  rope.beta_fast = in.number("beta_fast", 32);
  rope.beta_slow = in.number("beta_slow", 1);
  rope.attention_factor = in.number("attention_factor", 0);
  rope.mscale = in.number("mscale", 0);
  rope.mscale_all_dim = in.number("mscale_all_dim", 0);
  rope.truncate = in.boolean("truncate", true);
  return rope;
}

}  // namespace

RopeOptions read_rope(const ConfigReader& in, int max_position_embeddings) {
  RopeOptions rope;
  if (in.has("rope_parameters")) return read_parameters(in.object("rope_parameters"), max_position_embeddings);
  if (in.has("rope_scaling")) rope = read_parameters(in.object("rope_scaling"), max_position_embeddings);
  rope.theta = in.number("rope_theta", 10000);
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
