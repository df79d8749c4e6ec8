// Values and gradients of every kind of attention (tests/op_matrix.h).
#include "tests/op_matrix.h"

namespace qkv {
namespace {

using testing::Case;
using testing::dropout_of;

struct Lengths {
  std::vector<int32_t> queries, keys;
};
// Includes sequences without queries, without keys, and with more queries than keys.
const Lengths kMixed{{1, 7, 16, 0, 33, 100, 4, 9}, {45, 9, 16, 3, 70, 100, 0, 5}};
// Longer than a tile of keys and than the rows of one task: several tiles accumulate into a query's gradient.
const Lengths kLong{{30, 290}, {270, 290}};
// Short sequences for finite differences.
const Lengths kSmall{{1, 6, 0, 7, 2, 5}, {9, 6, 2, 12, 0, 3}};

struct AttentionCase {
  int heads = 1, kv_heads = 1, size = 16;
  bool causal = false;
  float dropout = 0;
  int window = 0;
  float softcap = 0;
  bool biased = false;
  float scale = 0;
  Lengths lengths = kMixed;
};

AttentionOptions options_of(const AttentionCase& c) {
  AttentionOptions options{.num_heads = c.heads, .num_key_value_heads = c.kv_heads, .causal = c.causal, .window = c.window};
  options.softcap = c.softcap;
  options.scale = c.scale;
  options.dropout = dropout_of(c.dropout);
  return options;
}

// `run` receives the options and the inputs: q, k, v, tensors of the shapes in `weights`, and the bias last.
Case attention_case(const std::string& kind, const AttentionCase& c, std::vector<Shape> weights,
                    const std::function<Tensor(const std::vector<Tensor>&, const Segments&, const Segments&, AttentionOptions)>& run) {
  const Segments q = Segments::of_lengths(c.lengths.queries), k = Segments::of_lengths(c.lengths.keys);
  if (c.biased) weights.push_back({c.heads, 2 * std::max(q.longest(), k.longest()) + 1});
  Case result{fmt::format("{} of {} heads, {} for keys, {} wide, causal {}, dropout {}, window {}, cap {}, biased {}, {} tokens", kind,
                          c.heads, c.kv_heads, c.size, c.causal, c.dropout, c.window, c.softcap, c.biased, q.tokens()),
              {{q.tokens(), c.heads * c.size}, {k.tokens(), c.kv_heads * c.size}, {k.tokens(), c.kv_heads * c.size}},
              [=](const std::vector<Tensor>& in) {
                AttentionOptions options = options_of(c);
                if (c.biased) options.distance_bias = in.back();
                return run(in, q, k, options);
              },
              {false, false, false}};
  for (const Shape& shape : weights) {
    result.inputs.push_back(shape);
    result.f32_only.push_back(true);
  }
  return result;
}

std::vector<Case> cases(AttentionImplementation implementation, bool small = false) {
  std::vector<Case> all;
  for (AttentionCase c :
       {AttentionCase{.size = 16},
        {.heads = 4, .kv_heads = 4, .size = 32, .causal = true},
        {.heads = 4, .kv_heads = 2, .size = 20, .causal = true},
        {.heads = 4, .size = 64, .dropout = 0.3f},
        {.heads = 2, .kv_heads = 2, .size = 128, .causal = true, .dropout = 0.1f},
        {.heads = 2, .size = 24, .causal = true, .window = 5},
        {.size = 33, .window = 20, .softcap = 1.5f, .scale = 0.3f},
        {.heads = 2, .kv_heads = 2, .size = 16, .causal = true, .softcap = 2, .biased = true},
        {.heads = 3, .size = 16, .dropout = 0.2f, .biased = true},
        {.size = 40, .lengths = kLong},
        {.heads = 2, .size = 48, .causal = true, .dropout = 0.1f, .lengths = kLong},
        {.heads = 2, .kv_heads = 2, .size = 40, .causal = true, .window = 100, .softcap = 3, .biased = true, .lengths = kLong},
        {.size = 64, .window = 150, .biased = true, .lengths = kLong}}) {
    if (small) c.lengths = kSmall;
    const bool composed = implementation == AttentionImplementation::composed;
    all.push_back(attention_case(composed ? "composed attention" : "flash attention", c, {},
                                 [=](const std::vector<Tensor>& in, const Segments& q, const Segments& k, AttentionOptions options) {
                                   options.implementation = implementation;
                                   return attention(in[0], in[1], in[2], q, k, options).out;
                                 }));
  }
  return all;
}

std::vector<Case> additive_cases(bool small = false) {
  std::vector<Case> all;
  for (AttentionCase c : {AttentionCase{.size = 16},
                          {.heads = 2, .kv_heads = 2, .size = 20, .causal = true},
                          {.heads = 4, .kv_heads = 2, .size = 9, .causal = true, .dropout = 0.2f},
                          {.heads = 2, .size = 12, .window = 7, .softcap = 1.5f, .biased = true, .scale = 0.6f},
                          {.size = 8, .causal = true, .lengths = kLong}}) {
    if (small) c.lengths = kSmall;
    all.push_back(attention_case("additive attention", c, {{c.heads, c.size}},
                                 [](const std::vector<Tensor>& in, const Segments& q, const Segments& k, const AttentionOptions& options) {
                                   return additive_attention(in[0], in[1], in[2], in[3], q, k, options);
                                 }));
  }
  return all;
}

// Rows of relative positions up to 12 tokens away in both directions; those farther away share the last.
std::shared_ptr<const std::vector<int32_t>> relative_rows(int32_t reach) {
  std::vector<int32_t> rows;
  for (int32_t distance = -reach; distance <= reach; ++distance) rows.push_back(std::clamp(12 - distance, 0, 23));
  return std::make_shared<const std::vector<int32_t>>(rows);
}

std::vector<Case> disentangled_cases(bool small = false) {
  const std::vector<int32_t> mixed{1, 7, 16, 0, 33, 100}, lengths_of_small{1, 6, 0, 15}, of_long{30, 290};
  std::vector<Case> all;
  for (AttentionCase c : {AttentionCase{.size = 16, .lengths = {mixed, mixed}},
                          {.heads = 3, .kv_heads = 3, .size = 20, .dropout = 0.2f, .scale = 0.1f, .lengths = {mixed, mixed}},
                          {.heads = 2, .kv_heads = 2, .size = 33, .window = 20, .softcap = 1.5f, .biased = true, .lengths = {mixed, mixed}},
                          {.size = 40, .causal = true, .lengths = {of_long, of_long}}}) {
    if (small) c.lengths = {lengths_of_small, lengths_of_small};
    const Shape shape{24, c.heads * c.size};
    for (const auto& [of_keys, of_queries] : {std::pair{true, true}, {true, false}, {false, true}}) {
      Case result =
          attention_case(fmt::format("disentangled attention (keys {}, queries {})", of_keys, of_queries), c, {shape, shape},
                         [=](const std::vector<Tensor>& in, const Segments& q, const Segments& k, AttentionOptions options) {
                           options.relative = {of_keys ? in[3] : Tensor(), of_queries ? in[4] : Tensor(), relative_rows(k.longest())};
                           return attention(in[0], in[1], in[2], q, k, options).out;
                         });
      result.f32_only[3] = result.f32_only[4] = false;
      if (!of_queries) result.inputs.erase(result.inputs.begin() + 4), result.f32_only.erase(result.f32_only.begin() + 4);
      if (!of_keys) {
        result.inputs.erase(result.inputs.begin() + 3), result.f32_only.erase(result.f32_only.begin() + 3);
        result.op = [op = result.op](std::vector<Tensor> in) {
          in.insert(in.begin() + 3, Tensor());
          return op(in);
        };
      }
      all.push_back(std::move(result));
    }
  }
  return all;
}

TEST(AttentionMatrix, FlashAndItsGradientsEqualTheReferenceOnEveryIsa) {
  testing::expect_parity_on_every_isa(cases(AttentionImplementation::flash), DType::f32, 2e-5);
  testing::expect_parity_on_every_isa(cases(AttentionImplementation::flash), DType::bf16, 1.6e-2);
}

TEST(AttentionMatrix, ComposedAndItsGradientsEqualTheReferenceOnEveryIsa) {
  testing::expect_parity_on_every_isa(cases(AttentionImplementation::composed), DType::f32, 2e-5);
  testing::expect_parity_on_every_isa(cases(AttentionImplementation::composed), DType::bf16, 1.6e-2);
}

TEST(AttentionMatrix, AdditiveAndItsGradientsEqualTheReferenceOnEveryIsa) {
  testing::expect_parity_on_every_isa(additive_cases(), DType::f32, 2e-5);
  testing::expect_parity_on_every_isa(additive_cases(), DType::bf16, 1.6e-2);
}

TEST(AttentionMatrix, DisentangledAndItsGradientsEqualTheReferenceOnEveryIsa) {
  testing::expect_parity_on_every_isa(disentangled_cases(), DType::f32, 2e-5);
  testing::expect_parity_on_every_isa(disentangled_cases(), DType::bf16, 1.6e-2);
}

TEST(AttentionMatrix, ReferenceGradientsEqualFiniteDifferences) {
  testing::expect_gradients_equal_finite_differences(cases(AttentionImplementation::automatic, true));
  testing::expect_gradients_equal_finite_differences(additive_cases(true));
  testing::expect_gradients_equal_finite_differences(disentangled_cases(true));
}

TEST(AttentionMatrix, ResultsOnTheDisguisedDeviceAreTheCpus) {
  for (const AttentionImplementation each : {AttentionImplementation::flash, AttentionImplementation::composed})
    testing::expect_same_on_the_disguised_device(cases(each));
  testing::expect_same_on_the_disguised_device(additive_cases());
  testing::expect_same_on_the_disguised_device(disentangled_cases());
}

TEST(AttentionMatrix, ResultsDoNotDependOnTheNumberOfThreads) {
  testing::expect_same_on_any_number_of_threads(cases(AttentionImplementation::flash));
  testing::expect_same_on_any_number_of_threads(cases(AttentionImplementation::composed));
  testing::expect_same_on_any_number_of_threads(additive_cases());
  testing::expect_same_on_any_number_of_threads(disentangled_cases());
}

}  // namespace
}  // namespace qkv
