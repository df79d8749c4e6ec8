// Compares decoder-only models of transformers by their logits, also after load_model and save_model. tools/golden/causal_models.py wrote
// the files.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "autograd/backward.h"
#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "decode/step.h"
#include "formats/json.h"
#include "io/safetensors.h"
#include "models/model_directory.h"
#include "models/weight_layout.h"
#include "nn/uniform_config.h"
#include "tests/golden_folders.h"

namespace qkv {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/causal_models";

class CausalModel : public testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path golden() const { return kGoldens / GetParam(); }

  TokenBatch sequences() const {
    TokenBatch batch;
    std::vector<int32_t> lengths;
    for (const nlohmann::json& sequence : expected_["sequences"]) {
      for (const nlohmann::json& id : sequence) batch.ids.push_back(id.get<int32_t>());
      lengths.push_back(static_cast<int32_t>(sequence.size()));
    }
    batch.segments = Segments::of_lengths(lengths);
    return batch;
  }
  // Each sequence without its last token, and the tokens that follow.
  std::pair<TokenBatch, std::vector<int32_t>> inputs_and_outputs() const {
    TokenBatch inputs;
    std::vector<int32_t> lengths, outputs;
    for (const nlohmann::json& sequence : expected_["sequences"]) {
      for (size_t i = 0; i + 1 < sequence.size(); ++i) {
        inputs.ids.push_back(sequence[i]);
        outputs.push_back(sequence[i + 1]);
      }
      lengths.push_back(static_cast<int32_t>(sequence.size()) - 1);
    }
    inputs.segments = Segments::of_lengths(lengths);
    return {inputs, outputs};
  }
  std::vector<float> golden_logits() const {
    const TensorFile reader = open_safetensors(golden() / "expected.safetensors");
    const Tensor logits = Tensor::empty(reader.entries().at("logits").shape, DType::f32);
    reader.read("logits", logits);
    return logits.to_vector();
  }
  std::vector<float> logits_of(const Model& model, DType dtype = DType::f32) const {
    ForwardContext context;
    context.dtype = dtype;
    return model.network.logits(model.network.decode(sequences(), {}, {}, context)).to_vector();
  }
  static float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    EXPECT_EQ(a.size(), b.size());
    float largest = 0;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
  }

  nlohmann::json expected_ = nlohmann::json::parse(read_file(golden() / "expected.json"));
};

INSTANTIATE_TEST_SUITE_P(Goldens, CausalModel, testing::ValuesIn(folders_of(kGoldens)), [](const auto& info) { return info.param; });

TEST_P(CausalModel, LogitsAreThoseOfTransformers) {
  EXPECT_LT(largest_difference(logits_of(*load_model(golden())), golden_logits()), 1e-4f);
  EXPECT_LT(largest_difference(logits_of(*load_model(golden(), DType::f32, Device::reference)), golden_logits()), 3e-5f);
}

TEST_P(CausalModel, StepByStepLogitsAreThoseOfTransformers) {
  const std::unique_ptr<Model> model = load_model(golden());
  const TokenBatch all = sequences();
  ForwardContext context;
  Step step(model->network, context);
  Sequence sequence = step.join({all.ids[0]});
  std::vector<float> last;
  for (int32_t at = 0; at < all.segments.length(0); ++at) {
    if (at > 0) sequence.append(all.ids[at]);
    last = step.run(std::vector{&sequence}).to_vector();
  }
  const std::vector<float> expected = golden_logits();
  const size_t vocabulary = last.size(), row = all.segments.length(0) - 1;
  EXPECT_LT(largest_difference(last, {expected.begin() + row * vocabulary, expected.begin() + (row + 1) * vocabulary}), 1e-4f);
}

TEST_P(CausalModel, LossIsThatOfTransformers) {
  const std::unique_ptr<Model> model = load_model(golden());
  const auto [inputs, outputs] = inputs_and_outputs();
  ForwardContext context;
  const CrossEntropyResult result = model->network.loss({}, inputs, outputs, 0, 1, context);
  EXPECT_NEAR(result.nll_sum / static_cast<double>(outputs.size()), expected_["loss"].get<double>(), 1e-5);
}

// In the layout of the files: each tensor's gradient by its length and its product with the tensor.
TEST_P(CausalModel, GradientsAreThoseOfTransformers) {
  const std::unique_ptr<Model> model = load_model(golden());
  const ModelDirectory directory(golden());
  const auto [inputs, outputs] = inputs_and_outputs();
  ForwardContext context;
  Tape tape;
  CrossEntropyResult result;
  {
    RecordScope scope(&tape);
    result = model->network.loss({}, inputs, outputs, 0, 1.0f / static_cast<float>(outputs.size()), context);
  }
  backward(tape, result.loss);
  std::map<std::string, Tensor> theirs;
  for (const Parameter& parameter : model->parameters.all()) {
    if (!parameter.value.requires_grad()) continue;  // a constant of the files
    TheirWeight place = their_weight(directory.architecture(), model->config, parameter.name);
    place.less_one = false;
    const Shape shape = their_shape(place, parameter.value.shape());
    put_into(theirs.try_emplace(place.name, Tensor::zeros(shape, DType::f32)).first->second, place, parameter.value.grad());
  }
  ASSERT_EQ(theirs.size(), expected_["gradients"].size());
  const auto product = [](const std::vector<float>& a, const std::vector<float>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  for (const auto& [name, golden_gradient] : expected_["gradients"].items()) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(theirs.contains(name));
    const std::vector<float> gradient = theirs.at(name).to_vector();
    const Tensor weight = Tensor::empty(directory.weights().find(name)->entry->shape, DType::f32);
    directory.weights().read(name, weight);
    const double length = golden_gradient[0], weight_length = std::sqrt(product(weight.to_vector(), weight.to_vector()));
    EXPECT_NEAR(std::sqrt(product(gradient, gradient)), length, 1e-3 * length + 1e-6);
    EXPECT_NEAR(product(gradient, weight.to_vector()), golden_gradient[1].get<double>(), (1e-3 * length + 1e-6) * weight_length);
  }
}

// With kept keys and values, also past the length at which a rotation changes.
TEST_P(CausalModel, GreedyTextIsThatOfTransformers) {
  const std::unique_ptr<Model> model = load_model(golden());
  const TokenBatch all = sequences();
  const auto text = expected_["greedy"].get<std::vector<int32_t>>();
  constexpr int kPrompt = 5;
  ForwardContext context;
  Step step(model->network, context);
  Sequence sequence = step.join({all.ids.begin(), all.ids.begin() + kPrompt});
  for (size_t i = 0; i < text.size(); ++i) {
    const std::vector<float> logits = step.run(std::vector{&sequence}).to_vector();
    const auto best = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    ASSERT_EQ(best, text[i]) << "token " << i;
    sequence.append(best);
  }
}

// A saved model has an equal class, equal tensors under equal names, and equal logits.
TEST_P(CausalModel, SavingKeepsClassNamesAndValues) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Model> model = load_model(golden());
  save_model(*model, temporary / "saved");
  const ModelDirectory before(golden()), after(temporary / "saved");
  EXPECT_EQ(logits_of(*load_model(temporary / "saved")), logits_of(*model));
  if (before.architecture().read_only) return;  // a part of a class, saved as the class of that part
  EXPECT_EQ(after.architecture().class_name, before.architecture().class_name);
  ASSERT_EQ(after.weights().all().size(), before.weights().all().size());
  for (const auto& [name, weight] : before.weights().all()) {
    ASSERT_TRUE(after.weights().find(name)) << name;
    const Tensor a = Tensor::empty(weight.entry->shape, DType::f32), b = Tensor::empty(weight.entry->shape, DType::f32);
    ASSERT_EQ(after.weights().find(name)->entry->shape, weight.entry->shape) << name;
    before.weights().read(name, a);
    after.weights().read(name, b);
    EXPECT_EQ(a.to_vector(), b.to_vector()) << name;
  }
}

// A network that no class of transformers can represent is saved as qkv's own class with every setting.
TEST(OwnModel, EveryChoiceComesBack) {
  const TemporaryDirectory temporary;
  for (const Position position : {Position::none, Position::sinusoidal, Position::learned, Position::rope, Position::alibi, Position::t5}) {
    UniformConfig config;
    config.vocab_size = 11;
    config.hidden_size = 16;
    config.encoder_layers = 1;
    config.decoder_layers = 2;
    config.num_attention_heads = 4;
    config.num_key_value_heads = 2;
    config.encoder_ffn_dim = config.decoder_ffn_dim = 12;
    config.activation = Activation::gelu;
    config.gated_ffn = true;
    config.norm = NormKind::rms;
    config.norm_position = NormPlace::pre;
    config.linear_bias = config.tie_word_embeddings = false;
    config.position = position;
    config.rope = {.rotary_dim = 2, .theta = 500, .layout = RotaryPairs::neighbours, .scaling = RopeScaling::linear, .factor = 2};
    config.sliding_window = 3;
    config.max_position_embeddings = 20;
    const std::unique_ptr<Model> model = create_model(config, 3);
    save_model(*model, temporary / "own");
    EXPECT_EQ(ModelDirectory(temporary / "own").architecture().model_type, "qkv");
    const std::unique_ptr<Model> again = load_model(temporary / "own");
    const auto logits_of = [](const Model& m) {
      const TokenBatch batch{{1, 2, 3, 4, 5, 6}, Segments::of_lengths(std::vector<int32_t>{6})};
      ForwardContext context;
      return m.network.logits(m.network.decode(batch, m.network.encode(batch, context), batch.segments, context)).to_vector();
    };
    EXPECT_EQ(logits_of(*again), logits_of(*model)) << static_cast<int>(position);
  }
}

}  // namespace
}  // namespace qkv
