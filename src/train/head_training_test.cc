// The first 50 updates of fine-tunings, compared with PyTorch's. tools/golden/head_training.py wrote the files.
#include <gtest/gtest.h>

#include <cmath>

#include "base/files.h"
#include "base/temporary_directory.h"
#include "evaluate/labelled_batches.h"
#include "formats/json.h"
#include "io/safetensors.h"
#include "io/weight_files.h"
#include "models/model_directory.h"
#include "qkv/trainer.h"
#include "train/gradient_step.h"

namespace qkv {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/head_training";

Update update_of(const nlohmann::json& golden) {
  TrainingBatch batch;
  const EncoderInputs inputs{.ids = golden["ids"], .token_types = golden["token_types"]};
  std::vector<int32_t> all;
  for (size_t i = 0; i < inputs.ids.size(); ++i) all.push_back(static_cast<int32_t>(i));
  batch.source = pack(inputs, all);
  for (size_t i = 0; i < inputs.ids.size(); ++i) {
    for (const int32_t row : golden["rows"][i]) batch.target_rows.push_back(batch.source.segments.begin(static_cast<int64_t>(i)) + row);
    if (!golden["values"].empty()) {
      for (const float value : golden["values"][i]) batch.target_values.push_back(value);
    }
  }
  for (const nlohmann::json& labels : golden["labels"]) {  // of a text, or of a group of choices
    for (const int32_t label : labels) batch.target_out.push_back(label);
  }
  if (golden.contains("groups")) batch.target_groups = golden["groups"].get<std::vector<int32_t>>();
  Update update;
  update.target_tokens = batch.predictions();
  update.batches.push_back(std::move(batch));
  return update;
}

TrainOptions options_of(const nlohmann::json& golden) {
  TrainOptions options;
  options.dtype = TrainPrecision::f32;
  options.schedule = LearningRateSchedule::constant;
  options.label_smoothing = options.ema_decay = 0;
  options.learning_rate = golden["learning_rate"];
  options.warmup_steps = golden["warmup_steps"];
  options.beta1 = golden["beta1"];
  options.beta2 = golden["beta2"];
  options.epsilon = golden["epsilon"];
  options.weight_decay = golden["weight_decay"];
  options.clip_norm = golden["clip_norm"];
  return options;
}

class HeadTraining : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Heads, HeadTraining, testing::Values("words", "several_labels", "numbers", "choices", "encoder_decoder"),
                         [](const auto& info) { return info.param; });

TEST_P(HeadTraining, FiftyUpdatesAreThoseOfPyTorch) {
  const std::filesystem::path golden = kGoldens / GetParam();
  const nlohmann::json expected = nlohmann::json::parse(read_file(golden / "expected.json"));
  const std::unique_ptr<Model> model = load_model(golden);
  const TrainOptions options = options_of(expected["options"]);
  const GradientExchange exchange(process_group(), 1);
  GradientStep step(*model, nullptr, options, exchange);
  for (size_t i = 0; i < expected["losses"].size(); ++i) {
    const Update update = update_of(expected["batches"][i % expected["batches"].size()]);
    const auto number = static_cast<int64_t>(i);
    const StepResult result = step.compute(update, number, number + 1);
    step.apply(result);
    const double loss = expected["losses"][i];
    ASSERT_NEAR(result.loss, loss, 1e-3 * std::max(1e-2, loss)) << "update " << i + 1;
  }
  const TemporaryDirectory directory;
  save_model(*model, directory.path());
  const WeightFiles ours(directory.path()), theirs(open_safetensors(golden / "expected.safetensors"));
  for (const auto& [name, weight] : theirs.all()) {
    // Gradients that are 0, of which AdamW makes steps as large as any: a softmax does not see what all of its logits have in common.
    if (name.ends_with("key.bias") || name.ends_with("k_proj.bias") || (GetParam() == "choices" && name == "classifier.bias")) continue;
    const Shape& shape = weight.entry->shape;
    const Tensor a = Tensor::empty(shape, DType::f32), b = Tensor::empty(shape, DType::f32);
    ours.read(name, a);
    theirs.read(name, b);
    const std::vector<float> found = a.to_vector(), wanted = b.to_vector();
    for (size_t j = 0; j < found.size(); ++j) ASSERT_NEAR(found[j], wanted[j], 1e-3) << name << ", value " << j;
  }
}

TEST(ChoiceTraining, ChoicesAreLearntWithTheirQuestionsInOnePart) {
  const TemporaryDirectory root;
  std::string questions;
  for (int i = 0; i < 60; ++i) {
    const char *const word = i % 3 ? "boats" : "rivers", *const other = i % 3 ? "rivers" : "boats";
    const std::string wrong = fmt::format("old {}", other), right = fmt::format("new {}", word);
    questions += fmt::format("the {}\t{}\t{}{}\t{}\n", word, i % 2 ? wrong : right, i % 2 ? right : wrong,
                             i % 4 ? std::string() : fmt::format("\told {}", other), i % 2 + 1);
  }
  write_file_atomically(root / "questions", questions);
  TrainOptions options;
  apply_preset(options, "chooser");
  options.train_file = options.valid_file = root / "questions";
  options.output = root / "chooser";
  options.hidden_size = 32;
  options.ffn_dim = 64;
  options.max_length = 24;
  options.dropout = 0;
  options.learning_rate = 5e-3;
  options.warmup_steps = 20;
  options.batch_tokens = 200;
  options.slices = 2;
  options.max_steps = options.validate_every = 200;
  std::optional<double> accuracy;
  train(options, {.on_validation = [&](const TrainValidation& validation) { accuracy = validation.accuracy; }});
  EXPECT_EQ(accuracy, 1);
  EXPECT_EQ(ModelDirectory(options.output).architecture().class_name, "BertForMultipleChoice");
}

}  // namespace
}  // namespace qkv
