#include "lab/networks/network.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/backward.h"
#include "lab/networks/network_ops.h"
#include "lab/networks/rivals.h"
#include "lab/networks/training.h"
#include "lab/tasks/synthetic.h"

namespace qkv::lab {
namespace {

Tensor random_rows(int64_t rows, int64_t cols, uint32_t stream) {
  RandomStream random(1, stream);
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (float& value : values) value = random.normal();
  return Tensor::from(values, {rows, cols});
}

// Katharopoulos et al. 2020, eqs. 5 and 7, in float64.
std::vector<double> linear_attention_formula(const Tensor& q, const Tensor& k, const Tensor& v, int begin, int length, int heads,
                                             bool causal) {
  const auto f = [](double x) { return x > 0 ? x + 1 : std::exp(x); };
  const int cols = static_cast<int>(q.cols()), size = cols / heads;
  std::vector<double> out(static_cast<size_t>(length) * cols);
  for (int h = 0; h < heads; ++h) {
    for (int i = 0; i < length; ++i) {
      double sum = 0;
      for (int j = 0; j < (causal ? i + 1 : length); ++j) {
        double weight = 0;
        for (int c = 0; c < size; ++c) {
          weight += f(q.host<float>()[(begin + i) * cols + h * size + c]) * f(k.host<float>()[(begin + j) * cols + h * size + c]);
        }
        sum += weight;
        for (int c = 0; c < size; ++c) out[i * cols + h * size + c] += weight * v.host<float>()[(begin + j) * cols + h * size + c];
      }
      for (int c = 0; c < size; ++c) out[i * cols + h * size + c] /= sum;
    }
  }
  return out;
}

TEST(LinearAttention, EqualsItsFormula) {
  const Tensor q = random_rows(9, 8, 1), k = random_rows(9, 8, 2), v = random_rows(9, 8, 3);
  const Segments segments = Segments::of_lengths(std::vector<int32_t>{4, 5});
  for (const bool causal : {false, true}) {
    const std::vector<float> out = linear_attention(q, k, v, segments, 2, causal).to_vector();
    for (const auto& [begin, length] : {std::pair{0, 4}, std::pair{4, 5}}) {
      const std::vector<double> expected = linear_attention_formula(q, k, v, begin, length, 2, causal);
      for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(out[begin * 8 + i], expected[i], 1e-5) << causal << " " << begin << " " << i;
    }
  }
}

// d(sum of weights * y)/dx by central differences against the tape's.
void expect_gradient(const Tensor& x, const std::function<Tensor()>& y) {
  Tape tape;
  Tensor out;
  {
    const RecordScope recording(&tape);
    out = y();
  }
  const Tensor weights = random_rows(out.rows(), out.cols(), 99).reshaped(out.shape());
  const auto value = [&] {
    const std::vector<float> values = y().to_vector(), w = weights.to_vector();
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += static_cast<double>(values[i]) * w[i];
    return sum;
  };
  backward_from(tape, out, weights);
  const std::vector<float> gradient = x.grad().to_vector();
  x.clear_grad();
  for (int64_t i = 0; i < x.numel(); i += 5) {
    float& element = x.host<float>()[i];
    const float kept = element;
    element = kept + 1e-2f;
    const double above = value();
    element = kept - 1e-2f;
    const double below = value();
    element = kept;
    EXPECT_NEAR(gradient[i], (above - below) / 2e-2, 2e-3 * (1 + std::abs(gradient[i]))) << i;
  }
}

TEST(LinearAttention, GradientEqualsDifferences) {
  const Tensor q = random_rows(7, 8, 1), k = random_rows(7, 8, 2), v = random_rows(7, 8, 3);
  const Segments segments = Segments::of_lengths(std::vector<int32_t>{3, 4});
  for (const Tensor& each : {q, k, v}) each.set_requires_grad(true);
  for (const bool causal : {false, true}) {
    for (const Tensor& each : {q, k, v}) {
      expect_gradient(each, [&] { return linear_attention(q, k, v, segments, 2, causal); });
      for (const Tensor& other : {q, k, v}) other.clear_grad();
    }
  }
}

// Ioffe and Szegedy 2015, algorithm 1, in float64: rows of sequences of 4, 2 and 3 tokens; `earlier`: over the positions up to a row's own.
std::vector<double> batch_norm_formula(const Tensor& x, bool earlier) {
  const std::vector<int> position{0, 1, 2, 3, 0, 1, 0, 1, 2};
  const std::vector<float> values = x.to_vector();
  const size_t size = x.cols();
  std::vector<double> y;
  for (size_t row = 0; row < position.size(); ++row) {
    for (size_t c = 0; c < size; ++c) {
      double n = 0, mean = 0, variance = 0;
      const auto for_each = [&](auto&& body) {
        for (size_t other = 0; other < position.size(); ++other) {
          if (!earlier || position[other] <= position[row]) body(values[other * size + c]);
        }
      };
      for_each([&](double value) { mean += value, ++n; });
      mean /= n;
      for_each([&](double value) { variance += (value - mean) * (value - mean) / n; });
      y.push_back((values[row * size + c] - mean) / std::sqrt(variance + 1e-5));
    }
  }
  return y;
}

TEST(BatchNorm, EqualsItsFormulaAndItsGradientDifferences) {
  const Tensor x = random_rows(9, 4, 1);
  const Segments segments = Segments::of_lengths(std::vector<int32_t>{4, 2, 3});
  for (const BatchStatistics statistics : {BatchStatistics::all, BatchStatistics::earlier}) {
    ParameterStore store(1, true);
    const BatchNorm norm(statistics, 4, 4, ParameterScope(store, "norm"));
    const std::vector<float> y = norm.forward(x, segments, true).to_vector();
    const std::vector<double> expected = batch_norm_formula(x, statistics == BatchStatistics::earlier);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(y[i], expected[i], 1e-5) << i;
    const Tensor weight = store.all()[0].value, bias = store.all()[1].value;
    weight.host<float>()[1] = 0.5f;
    x.set_requires_grad(true);
    for (const Tensor& each : {x, weight, bias}) {
      expect_gradient(each, [&] { return norm.forward(x, segments, true); });
      for (const Tensor& other : {x, weight, bias}) other.clear_grad();
    }
  }
}

TEST(BatchNorm, InUseItsRunningAveragesCountAndNotTheNeighbours) {
  ParameterStore store(1, true);
  const BatchNorm norm(BatchStatistics::all, 1, 2, ParameterScope(store, "norm"));
  norm.forward(Tensor::from(std::vector<float>{1, 5}, {2, 1}), Segments::of_lengths(std::vector<int32_t>{2}), true);
  // From 0 and 1, a tenth of the way to mean 3 and variance 4.
  const auto used = [&](float neighbour) {
    return norm.forward(Tensor::from(std::vector<float>{2, neighbour}, {2, 1}), Segments::of_lengths(std::vector<int32_t>{2}), false)
        .to_vector()[0];
  };
  EXPECT_NEAR(used(1), (2 - 0.3) / std::sqrt(1.3 + 1e-5), 1e-6);
  EXPECT_EQ(used(1), used(7));
}

TEST(BatchNorm, OfEarlierTokensLeaksNothingFromLaterOnes) {
  const Segments segments = Segments::of_lengths(std::vector<int32_t>{3, 3});
  for (const bool earlier : {false, true}) {
    ParameterStore store(1, true);
    const BatchNorm norm(earlier ? BatchStatistics::earlier : BatchStatistics::all, 4, 3, ParameterScope(store, "norm"));
    const Tensor x = random_rows(6, 4, 1);
    const std::vector<float> before = norm.forward(x, segments, true).to_vector();
    x.host<float>()[2 * 4] += 1;  // the last token of the first sequence
    const std::vector<float> after = norm.forward(x, segments, true).to_vector();
    EXPECT_EQ(before[0] == after[0] && before[4] == after[4], earlier);
  }
}

TEST(Reshape, GradientHasTheShapeOfItsInput) {
  const Tensor x = random_rows(6, 4, 1);
  x.set_requires_grad(true);
  expect_gradient(x, [&] { return reshape(x, {12, 2}); });
}

NetworkOptions small() { return {.vocab_size = 11, .hidden_size = 16, .layers = 2, .heads = 2, .ffn_size = 32, .max_positions = 32}; }

Batch batch_of(uint64_t seed) {
  return make_batch({.task = Task::copy, .symbols = 10, .min_length = 3, .length = 6}, 5, RandomStream(seed));
}

std::vector<NetworkOptions> variants() {
  std::vector<NetworkOptions> all;
  for (const Mixer mixer : {Mixer::attention, Mixer::average, Mixer::local, Mixer::none, Mixer::linear, Mixer::additive, Mixer::tanh_rnn,
                            Mixer::gru, Mixer::lstm, Mixer::convolution}) {
    all.push_back(small());
    all.back().mixer = mixer;
  }
  for (const Projections projections : {Projections::tied_qk, Projections::tied_kv, Projections::none}) {
    all.push_back(small());
    all.back().projections = projections;
  }
  for (const NormPlace place : {NormPlace::post, NormPlace::none}) {
    all.push_back(small());
    all.back().norm_place = place;
  }
  all.push_back(small());
  all.back().qk_norm = true;
  all.push_back(small());
  all.back().residual = false;
  all.push_back(small());
  all.back().ffn_size = 0;
  all.push_back(small());
  all.back().head_dim = 12;
  return all;
}

TEST(Network, NoVariantSeesTheFuture) {
  for (const NetworkOptions& options : variants()) {
    ParameterStore store(1, true);
    const Network network(options, store);
    TokenBatch batch{{1, 2, 3, 4, 5, 6}, Segments::of_lengths(std::vector<int32_t>{6})};
    ForwardContext context;
    const std::vector<float> before = network.forward(batch, context).to_vector();
    batch.ids[5] = 9;
    const std::vector<float> after = network.forward(batch, context).to_vector();
    for (size_t i = 0; i < 5 * 16; ++i) ASSERT_EQ(before[i], after[i]) << static_cast<int>(options.mixer);
  }
}

TEST(Network, AStartThatAbsorbsTheScaleIsTheDividedNetwork) {
  const auto forward = [](float scale, float query_gain) {
    NetworkOptions options = small();
    options.head_dim = 16;
    options.scale = scale;
    options.qk_gain = 20;
    options.query_gain = query_gain;
    ParameterStore store(1, true);
    ForwardContext context;
    return Network(options, store).forward(batch_of(1).input, context).to_vector();
  };
  const std::vector<float> divided = forward(0.25f, 1), absorbed = forward(1, 0.25f), undivided = forward(1, 1);
  double apart = 0;
  for (size_t i = 0; i < divided.size(); ++i) {
    ASSERT_NEAR(divided[i], absorbed[i], 1e-5);
    apart = std::max(apart, std::abs(static_cast<double>(divided[i]) - undivided[i]));
  }
  EXPECT_GT(apart, 1e-3);
}

TEST(Network, EveryVariantLearnsABatchByHeart) {
  for (const NetworkOptions& options : variants()) {
    ParameterStore store(1, true);
    const Network network(options, store);
    const TrainingOutcome trained = train(store, {.steps = 40, .learning_rate = 3e-3}, [&](int64_t, ForwardContext& context) {
      const Batch batch = batch_of(1);
      return network.loss(batch.input, batch.targets, context).loss;
    });
    ASSERT_FALSE(trained.diverged);
    EXPECT_LT(trained.losses.back().second, trained.losses.front().second - 0.1) << static_cast<int>(options.mixer);
  }
}

TEST(Network, WidthIsChosenForTheNumberOfParameters) {
  const int64_t wanted = count_parameters(small());
  for (const Mixer mixer : {Mixer::tanh_rnn, Mixer::gru, Mixer::lstm, Mixer::convolution}) {
    NetworkOptions options = small();
    options.mixer = mixer;
    options.ffn_size = 0;
    EXPECT_NEAR(static_cast<double>(count_parameters(with_parameters(options, wanted))), static_cast<double>(wanted),
                0.2 * static_cast<double>(wanted));
  }
}

TEST(Network, OnlyRowsWithATargetAreJudged) {
  ParameterStore store(1, true);
  const Network network(small(), store);
  const Batch batch = batch_of(1);
  ForwardContext context;
  const CrossEntropyResult loss = network.loss(batch.input, batch.targets, context);
  const Judgement judgement = judge(nullptr, network, 1, [&](int64_t) { return batch; });
  EXPECT_LT(judgement.targets, std::ssize(batch.targets));
  EXPECT_NEAR(loss.nll_sum / static_cast<double>(judgement.targets), judgement.loss, 1e-4);
}

TEST(ReplaceRows, GivesEachItsGradient) {
  const Tensor x = random_rows(5, 4, 1).set_requires_grad(true), values = random_rows(2, 4, 2).set_requires_grad(true);
  const std::vector<int32_t> rows{3, 0};
  const std::vector<float> y = replace_rows(x, rows, values).to_vector();
  for (int row = 0; row < 5; ++row) {
    const float* expected = row == 3 ? values.host<float>() : row == 0 ? values.host<float>() + 4 : x.host<float>() + row * 4;
    for (int c = 0; c < 4; ++c) EXPECT_EQ(y[row * 4 + c], expected[c]) << row;
  }
  expect_gradient(values, [&] { return replace_rows(x, rows, values); });
  x.clear_grad();
  expect_gradient(x, [&] { return replace_rows(x, rows, values); });
}

TEST(Network, APrefixSeesItselfWholeAndNothingOfTheRest) {
  ParameterStore store(1, true), other(1, true);
  NetworkOptions options = small();
  const Network causal(options, store);
  options.causal = false;
  const Network whole(options, other);
  for (size_t i = 0; i < store.all().size(); ++i) other.all()[i].value.copy_from(store.all()[i].value);  // positions have other names
  const std::vector<int32_t> lengths{5, 4}, prefix_lengths{3, 2};
  const TokenBatch batch{{1, 2, 3, 4, 5, 6, 7, 8, 9}, Segments::of_lengths(lengths)};
  const TokenBatch alone{{1, 2, 3, 6, 7}, Segments::of_lengths(prefix_lengths)};
  const std::vector<int32_t> rows{0, 1, 2, 5, 6};
  ForwardContext context;
  const std::vector<float> all =
      causal.forward_rows(causal.embed(batch, context), batch.segments, context, nullptr, {rows, alone.segments}).to_vector();
  const std::vector<float> expected = whole.forward(alone, context).to_vector();
  for (size_t i = 0; i < rows.size(); ++i) {
    for (int c = 0; c < 16; ++c) EXPECT_NEAR(all[rows[i] * 16 + c], expected[i * 16 + c], 1e-5) << rows[i];
  }
}

// Embeddings of deviation 0.02 get sines of that amplitude, as those of deviation 1 get the paper's.
TEST(Network, SinusoidalPositionsAreOfTheEmbeddingsSize) {
  NetworkOptions options{.vocab_size = 5, .hidden_size = 8, .layers = 0, .norm_place = NormPlace::none, .position = Position::sinusoidal};
  for (const float range : {0.02f, 0.0f}) {  // 0: deviation 1 after scaling
    options.initializer_range = range;
    ParameterStore store(1, true);
    const Network network(options, store);
    ForwardContext context;
    const Tensor rows = network.forward({{3, 3}, Segments::of_lengths(std::vector<int32_t>{2})}, context);
    const double size = range == 0 ? 1 : range;
    EXPECT_NEAR(rows.host<float>()[8] - rows.host<float>()[0], size * std::sin(1.0), 1e-6);
    EXPECT_NEAR(rows.host<float>()[8 + 4] - rows.host<float>()[4], size * (std::cos(1.0) - 1), 1e-6);
  }
}

// The farthest token, counted backwards from the last, whose embedding changes the last output.
int reach_of(NetworkOptions options, int tokens) {
  options.vocab_size = 4;
  ParameterStore store(1, true);
  const Network network(options, store);
  ForwardContext context;
  const Segments segments = Segments::of_lengths(std::vector<int32_t>{tokens});
  const Tensor x = random_rows(tokens, options.hidden_size, 7);
  const auto last = [&] {
    const std::vector<float> y = network.forward_rows(x.to(x.dtype()), segments, context).to_vector();
    return std::vector<float>(y.end() - options.hidden_size, y.end());
  };
  const std::vector<float> before = last();
  for (int distance = tokens - 1; distance > 0; --distance) {
    float& value = x.host<float>()[(tokens - 1 - distance) * options.hidden_size];
    value += 10;
    const bool seen = last() != before;
    value -= 10;
    if (seen) return distance;
  }
  return 0;
}

TEST(Rivals, DilatedConvolutionsSeeTwiceAsFarWithEachLayer) {
  EXPECT_EQ(reach_of(dilated_convolutions(1, 8), 40), 1);
  EXPECT_EQ(reach_of(dilated_convolutions(4, 8), 40), 15);
  EXPECT_EQ(reach_of(convolutions_with_attention(3, 8, 2), 40), 39);
}

TEST(Rivals, RatesThatAreTriedDouble) {
  const std::vector<std::string> arms = arms_with_rates("lstm", {.best = 0.01, .lowest = 0.0025, .highest = 0.01});
  EXPECT_EQ(arms, (std::vector<std::string>{"lstm@0.0025", "lstm@0.005", "lstm@0.01"}));
  EXPECT_EQ(parse_rate_arm(arms[1]).arm, "lstm");
  EXPECT_EQ(parse_rate_arm(arms[1]).rate, 0.005);
}

}  // namespace
}  // namespace qkv::lab
