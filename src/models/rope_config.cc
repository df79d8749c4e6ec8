#include "models/rope_config.h"

#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "formats/json.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr ChoiceName<RopeScaling> kScalings[] = {
    {"default", RopeScaling::none}, {"linear", RopeScaling::linear}, {"dynamic", RopeScaling::dynamic},
    {"yarn", RopeScaling::yarn},    {"llama3", RopeScaling::llama3}, {"longrope", RopeScaling::longrope},
};

RopeScaling scaling_of(const ConfigReader& in, RopeDialect dialect) {
  const std::string name = in.has("rope_type") ? in.text("rope_type") : in.has("type") ? in.text("type") : "default";
  if (dialect == RopeDialect::phi3 && (name == "su" || name == "yarn")) return RopeScaling::longrope;
  if (dialect == RopeDialect::hunyuan && name == "dynamic" && in.number("alpha", 0) != 0) return RopeScaling::ntk_alpha;
  if (const RopeScaling* found = find_choice(kScalings, name)) return *found;
  fail(ErrorCode::unsupported, "{}: \"rope_type\" is \"{}\"; there are {}", in.file(), shortened(name, 60), list_of_names(kScalings));
}

// Requires the keys that the scaling needs, as transformers does.
void require(const ConfigReader& in, RopeScaling scaling) {
  std::vector<std::string_view> keys;
  if (scaling != RopeScaling::none) keys = {"factor"};
  if (scaling == RopeScaling::longrope) keys = {"short_factor", "long_factor"};
  if (scaling == RopeScaling::ntk_alpha) keys = {"alpha"};
  if (scaling == RopeScaling::llama3) keys = {"factor", "low_freq_factor", "high_freq_factor"};
  for (std::string_view key : keys) {
    if (!in.given(key)) fail(ErrorCode::bad_input, "{}: the key \"{}\" is missing, which its \"rope_type\" needs", in.file(), key);
  }
}

// Columns of a head that turn; 0: all of them, in a class that rotates whole heads.
int rotary_dim(const ConfigReader& in, const RopeRules& rules, int by_default) {
  const float part = in.number("partial_rotary_factor", rules.head_dim > 0 ? -1 : 1);
  if (rules.head_dim > 0) {
    if (!in.has("partial_rotary_factor")) return by_default;
    if (!(part > 0 && part <= 1)) {
      fail(ErrorCode::bad_input, "{}: \"partial_rotary_factor\" is {}; it must be more than 0 and at most 1", in.file(), part);
    }
    const int columns = static_cast<int>(static_cast<float>(rules.head_dim) * part);
    if (columns < 2) {
      fail(ErrorCode::bad_input, "{}: \"partial_rotary_factor\" is {}, which leaves no pair of a head of {} columns to turn", in.file(),
           part, rules.head_dim);
    }
    return columns;
  }
  if (part != 1) {
    fail(ErrorCode::unsupported, "{}: \"partial_rotary_factor\" is {}; only heads that turn whole are supported", in.file(), part);
  }
  return 0;
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

void read_longrope(const ConfigReader& in, int max_position_embeddings, RopeOptions& rope) {
  if (!in.has("factor")) rope.factor = static_cast<double>(max_position_embeddings) / static_cast<double>(rope.original_max_positions);
  rope.attention_factor = in.number("attention_factor", 0);
  for (const float factor : in.numbers("short_factor")) rope.short_factors.push_back(factor);
  for (const float factor : in.numbers("long_factor")) rope.long_factors.push_back(factor);
}

// Queries that grow with their position use the length in the parameters.
void read_query_growth(const ConfigReader& in, RopeOptions& rope) {
  rope.query_growth = in.number("llama_4_scaling_beta", 0);
  if (rope.query_growth == 0) return;
  if (rope.scaling == RopeScaling::dynamic || rope.scaling == RopeScaling::longrope) {
    fail(ErrorCode::unsupported, "{}: \"llama_4_scaling_beta\" beside \"rope_type\" \"{}\" is not supported", in.file(),
         name_of_choice(kScalings, rope.scaling));
  }
  rope.original_max_positions = in.integer("original_max_position_embeddings");
}

// `in` is the object with the scaling parameters, `config` the enclosing one.
void read_parameters(const ConfigReader& in, const ConfigReader& config, const RopeRules& rules, RopeOptions& rope) {
  const int max_position_embeddings = rules.max_position_embeddings;
  rope.scaling = scaling_of(in, rules.dialect);
  require(in, rope.scaling);
  rope.rotary_dim = rotary_dim(in, rules, rope.rotary_dim);
  rope.theta = in.number("rope_theta", static_cast<float>(rope.theta));
  rope.factor = in.number("factor", 1);
  // dynamic scaling uses the model's length; the others have their own, for which the top-level key takes precedence.
  rope.original_max_positions = max_position_embeddings;
  if (rope.scaling == RopeScaling::yarn || rope.scaling == RopeScaling::llama3 || rope.scaling == RopeScaling::longrope) {
    const ConfigReader& place = config.has("original_max_position_embeddings") || rules.original_max_positions > 0 ? config : in;
    rope.original_max_positions = place.integer("original_max_position_embeddings",
                                                rules.original_max_positions > 0 ? rules.original_max_positions : max_position_embeddings);
  }
  rope.low_freq_factor = in.number("low_freq_factor", 1);
  rope.high_freq_factor = in.number("high_freq_factor", 4);
  if (rope.scaling == RopeScaling::yarn) read_yarn(in, max_position_embeddings, rope);
  if (rope.scaling == RopeScaling::longrope) read_longrope(in, max_position_embeddings, rope);
  if (rope.scaling == RopeScaling::ntk_alpha) rope.factor = in.number("alpha", 0);
  if (rules.query_growth) read_query_growth(in, rope);
  if (rope.scaling == RopeScaling::none && rope.factor > 0 && rope.factor != 1) {
    log_warning("{}: \"factor\" is {}, but nothing is scaled without a \"rope_type\"", in.file(), rope.factor);
  }
}

}  // namespace

RopeOptions read_rope(const ConfigReader& in, const RopeRules& rules) {
  RopeOptions rope;
  rope.rotary_dim = rotary_dim(in, rules, static_cast<int>(static_cast<float>(rules.head_dim) * rules.part));
  rope.theta = rules.only_nested ? rules.theta : in.number("rope_theta", static_cast<float>(rules.theta));
  if (rules.absent && !in.has("rope_scaling") && !in.has("rope_parameters")) {
    RopeOptions absent = *rules.absent;
    absent.rotary_dim = rope.rotary_dim;
    return absent;
  }
  // If both keys are present, the older one takes precedence unless it is {}.
  for (std::string_view key : {"rope_scaling", "rope_parameters"}) {
    if (!in.has(key) || in.object(key).empty()) continue;
    const ConfigReader parameters = in.object(key);
    const bool nested = !rules.layer_type.empty() && parameters.has(rules.layer_type);
    if (rules.only_nested && !nested) continue;
    if (nested) {
      read_parameters(parameters.object(rules.layer_type), in, rules, rope);
    } else {
      read_parameters(parameters, in, rules, rope);
    }
    break;
  }
  return rope;
}

nlohmann::ordered_json rope_parameters(const RopeOptions& rope, int head_dim) {
  nlohmann::ordered_json parameters;
  for (const auto& [name, scaling] : kScalings) {
    if (scaling == rope.scaling) parameters["rope_type"] = name;
  }
  const auto put = [&](const char* key, double value, double fallback) {
    if (value != fallback) parameters[key] = shortest(static_cast<float>(value));
  };
  if (rope.scaling == RopeScaling::ntk_alpha) {
    parameters["rope_type"] = "dynamic";
    parameters["alpha"] = shortest(static_cast<float>(rope.factor));
    parameters["factor"] = 1.0;
  } else if (rope.scaling != RopeScaling::none) {
    parameters["factor"] = shortest(static_cast<float>(rope.factor));
    // transformers' dynamic scaling begins at "max_position_embeddings".
    const bool own_length = rope.scaling != RopeScaling::linear && rope.scaling != RopeScaling::dynamic;
    if (own_length) parameters["original_max_position_embeddings"] = rope.original_max_positions;
  }
  if (rope.query_growth != 0) {
    parameters["llama_4_scaling_beta"] = shortest(static_cast<float>(rope.query_growth));
    parameters["original_max_position_embeddings"] = rope.original_max_positions;
  }
  if (rope.scaling == RopeScaling::llama3) {
    parameters["low_freq_factor"] = shortest(static_cast<float>(rope.low_freq_factor));
    parameters["high_freq_factor"] = shortest(static_cast<float>(rope.high_freq_factor));
  }
  if (rope.scaling == RopeScaling::yarn) {
    put("beta_fast", rope.beta_fast, 32);
    put("beta_slow", rope.beta_slow, 1);
    put("mscale", rope.mscale, 0);
    put("mscale_all_dim", rope.mscale_all_dim, 0);
    if (!rope.truncate) parameters["truncate"] = false;
  }
  if (rope.scaling == RopeScaling::yarn || rope.scaling == RopeScaling::longrope) put("attention_factor", rope.attention_factor, 0);
  for (const double factor : rope.short_factors) parameters["short_factor"].push_back(shortest(static_cast<float>(factor)));
  for (const double factor : rope.long_factors) parameters["long_factor"].push_back(shortest(static_cast<float>(factor)));
  if (head_dim > 0) parameters["partial_rotary_factor"] = shortest(static_cast<float>(rope.rotary_dim) / static_cast<float>(head_dim));
  parameters["rope_theta"] = shortest(static_cast<float>(rope.theta));
  return parameters;
}

void write_rope(const RopeOptions& rope, nlohmann::ordered_json& out, int head_dim) {
  const nlohmann::ordered_json parameters = rope_parameters(rope, head_dim);
  out["rope_parameters"] = parameters;
  if (head_dim > 0) out["partial_rotary_factor"] = parameters["partial_rotary_factor"];
  out["rope_theta"] = parameters["rope_theta"];
  if (rope.scaling != RopeScaling::none) out["rope_scaling"] = parameters;
}

}  // namespace qkv
