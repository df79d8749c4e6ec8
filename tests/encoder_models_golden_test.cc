// Compares encoders of transformers by their logits, losses and gradients, also after load_model and save_model.
// tools/golden/encoder_models.py and newer_encoders.py wrote the files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "autograd/backward.h"
#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "evaluate/classification.h"
#include "formats/json.h"
#include "io/safetensors.h"
#include "models/model_directory.h"
#include "nn/uniform_config.h"
#include "tests/golden_folders.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/encoder_models";

class EncoderModel : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const nlohmann::json expected = nlohmann::json::parse(read_file(golden() / "expected.json"));
    const TransformerConfig config = ModelDirectory(golden()).config();
    if (!expected["loss"].is_null()) loss_ = expected["loss"];
    std::vector<int32_t> lengths;
    for (size_t i = 0; i < expected["sequences"].size(); ++i) {
      const nlohmann::json &ids = expected["sequences"][i], &labels = expected["labels"][i];
      if (labels.is_number()) {
        rows_.push_back(static_cast<int32_t>(batch_.ids.size()) + row_of_label(config, ids.get<std::vector<int32_t>>()));
        targets_.push_back(labels);
      }
      for (size_t at = 0; at < ids.size(); ++at) {
        if (labels.is_array() && labels[at] >= 0) {
          rows_.push_back(static_cast<int32_t>(batch_.ids.size()));
          targets_.push_back(labels[at]);
        }
        batch_.ids.push_back(ids[at]);
        batch_.token_types.push_back(expected["token_types"][i][at]);
      }
      lengths.push_back(static_cast<int32_t>(ids.size()));
    }
    batch_.segments = Segments::of_lengths(lengths);
  }
  std::filesystem::path golden() const { return kGoldens / GetParam(); }
  std::vector<float> golden_logits() const {
    const TensorFile reader = open_safetensors(golden() / "expected.safetensors");
    const Tensor logits = Tensor::empty(reader.entries().at("logits").shape, DType::f32);
    reader.read("logits", logits);
    return logits.to_vector();
  }
  std::vector<float> logits_of(const Model& model) const {
    ForwardContext context;
    const Tensor hidden = model.network.rows_for_head(batch_, context);
    if (model.config.head == Head::pooler) return model.network.pooled(hidden, batch_.segments).to_vector();
    if (model.config.head == Head::none) return hidden.to_vector();
    return model.network.logits_of_rows(hidden, batch_.segments, rows_, context).to_vector();
  }
  static float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    EXPECT_EQ(a.size(), b.size());
    float largest = 0;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      const float difference = std::abs(a[i] - b[i]);
      if (!(difference <= largest)) largest = difference;  // also if it is no number
    }
    return largest;
  }

  TokenBatch batch_;
  std::vector<int32_t> rows_, targets_;
  std::optional<double> loss_;  // of heads that predict one of their outputs
};

INSTANTIATE_TEST_SUITE_P(Goldens, EncoderModel, testing::ValuesIn(folders_of(kGoldens)), [](const auto& info) { return info.param; });

TEST_P(EncoderModel, LogitsAreThoseOfTransformers) {
  EXPECT_LT(largest_difference(logits_of(*load_model(golden())), golden_logits()), 5e-5f);
  // transformers computes angles, and T5's norms and softmax, in f32 whatever the type of the weights.
  const std::unique_ptr<Model> reference = load_model(golden(), DType::f32, Device::reference);
  const LayerConfig& layer = reference->config.encoder.front();
  const float tolerance = layer.attention.rope ? 2e-5f : layer.norm.kind == NormKind::rms ? 5e-5f : 2e-6f;
  EXPECT_LT(largest_difference(logits_of(*reference), golden_logits()), tolerance);
}

TEST_P(EncoderModel, LossIsThatOfTransformers) {
  const std::unique_ptr<Model> model = load_model(golden());
  if (!loss_ || model->config.head == Head::pooler) GTEST_SKIP() << "the head has another loss, or predicts nothing";
  ForwardContext context;
  const CrossEntropyResult result = model->network.loss_of_rows(batch_, rows_, targets_, 0, 1, context);
  EXPECT_NEAR(result.nll_sum / static_cast<double>(targets_.size()), *loss_, 1e-5);
}

// gradients.safetensors has the gradients under the names of the weights.
TEST_P(EncoderModel, GradientsAreThoseOfTransformers) {
  if (!std::filesystem::exists(golden() / "gradients.safetensors")) GTEST_SKIP() << "has no gradients";
  const TemporaryDirectory temporary;
  std::filesystem::copy_file(golden() / "config.json", temporary / "config.json");
  std::filesystem::copy_file(golden() / "gradients.safetensors", temporary / "model.safetensors");
  const std::unique_ptr<Model> model = load_model(golden()), expected = load_model(temporary.path());
  ForwardContext context;
  Tape tape;
  CrossEntropyResult result;
  {
    const RecordScope scope(&tape);
    result = model->network.loss_of_rows(batch_, rows_, targets_, 0, 1 / static_cast<float>(targets_.size()), context);
  }
  backward(tape, result.loss);
  float largest_of_all = 0;
  for (const Parameter& parameter : expected->parameters.all()) {
    for (const float value : parameter.value.to_vector()) largest_of_all = std::max(largest_of_all, std::abs(value));
  }
  for (const Parameter& parameter : expected->parameters.all()) {
    float largest = 1e-4f * largest_of_all;  // that of a key's bias is 0
    for (const float value : parameter.value.to_vector()) largest = std::max(largest, std::abs(value));
    const std::vector<float> gradient = model->parameters.find(parameter.name)->value.grad().to_vector();
    EXPECT_LT(largest_difference(gradient, parameter.value.to_vector()), 1e-3f * largest) << parameter.name;
  }
}

// Windows are gathered in f32 whatever the type of the rows is. In bf16 gradients of this network are up to a fifth of the largest off,
// those of the embedding's norm most.
TEST_P(EncoderModel, ConvolutionsAlsoRunAndLearnInBf16) {
  if (!GetParam().starts_with("deberta_v2_convolution_classifier")) GTEST_SKIP() << "has no convolution";
  const auto loss_and_gradient = [&](const Model& model, DType dtype) {
    ForwardContext context{.dtype = dtype};
    Tape tape;
    CrossEntropyResult result;
    {
      const RecordScope scope(&tape);
      result = model.network.loss_of_rows(batch_, rows_, targets_, 0, 1 / static_cast<float>(targets_.size()), context);
    }
    backward(tape, result.loss);
    return std::pair{result.nll_sum, model.parameters.find("encoder.layers.0.convolution.weight")->value.grad().to_vector()};
  };
  const auto [nll, gradient] = loss_and_gradient(*load_model(golden()), DType::f32);
  const auto [narrow_nll, narrow_gradient] = loss_and_gradient(*load_model(golden()), DType::bf16);
  EXPECT_NEAR(narrow_nll, nll, 0.02 * nll);
  EXPECT_LT(largest_difference(narrow_gradient, gradient), 0.25f * largest_difference(gradient, std::vector<float>(gradient.size())));
  EXPECT_LT(largest_difference(logits_of(*load_model(golden(), InferenceType::bf16)), golden_logits()), 0.1f);
}

// A saved model has an equal class, equal tensors under equal names, and equal logits.
TEST_P(EncoderModel, SavingKeepsClassNamesLabelsAndValues) {
  if (GetParam().starts_with("new_") || GetParam() == "deberta_v3_masked_lm")
    GTEST_SKIP() << "written as another class or with other names";
  const TemporaryDirectory temporary;
  const std::unique_ptr<Model> model = load_model(golden());
  save_model(*model, temporary / "saved");
  const ModelDirectory before(golden()), after(temporary / "saved");
  EXPECT_EQ(after.architecture().class_name, before.architecture().class_name);
  EXPECT_EQ(after.labels(), before.labels());
  EXPECT_EQ(logits_of(*load_model(temporary / "saved")), logits_of(*model));
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

// Every key that transformers writes keeps its value, except keys that do not describe the network: of caches, of the tokenizer, of a head
// that no class here has ("summary_"), of generation and initialization, and dropouts of training.
TEST_P(EncoderModel, SavingKeepsTheKeysOfConfig) {
  if (GetParam().starts_with("new_")) GTEST_SKIP() << "written as another class";
  const TemporaryDirectory temporary;
  const std::unique_ptr<Model> model = load_model(golden());
  save_model(*model, temporary / "saved");
  const nlohmann::json before = nlohmann::json::parse(read_file(golden() / "config.json"));
  const nlohmann::json after = nlohmann::json::parse(read_file(temporary / "saved" / "config.json"));
  for (const auto& [key, value] : before.items()) {
    if (key == "transformers_version" || key == "use_cache" || value.is_null() || value == false) continue;
    if (key.starts_with("summary_") || key == "qa_dropout" || key == "seq_classif_dropout" || key == "sinusoidal_pos_embds" ||
        key == "mask_token_id" || key.starts_with("_"))
      continue;
    if (key == "init_std" || key == "initializer_factor" || key.starts_with("forced_") || key == "scale_decoder_outputs" ||
        key == "dense_act_fn" || key == "is_gated_act" || (key == "bos_token_id" && before.value("is_encoder_decoder", false)))
      continue;
    // Classes for the encoder of a whole model keep what is said of its decoder.
    if (!model->config.has_decoder() && (key == "is_encoder_decoder" || key == "decoder_start_token_id" || key == "num_decoder_layers"))
      continue;
    EXPECT_EQ(after.value(key, nlohmann::json()), value == "gelu_pytorch_tanh" ? nlohmann::json("gelu_new") : value) << key;
  }
  EXPECT_FALSE(std::filesystem::exists(temporary / "saved" / "generation_config.json"));
}

// Files of the first BERTs have norms with TensorFlow's names, a pooler, and the head for pairs of sentences.
TEST_P(EncoderModel, OlderFilesOpenToo) {
  if (!GetParam().starts_with("masked_lm")) GTEST_SKIP() << "those had the head for hidden tokens";
  const TemporaryDirectory temporary;
  std::filesystem::copy_file(golden() / "config.json", temporary / "config.json");
  const TensorFile reader = open_safetensors(golden() / "model.safetensors");
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& [name, entry] : reader.entries()) {
    std::string older = name;
    if (const size_t at = name.find("LayerNorm."); at != std::string::npos)
      older = name.substr(0, at + 10) + (name.ends_with("weight") ? "gamma" : "beta");
    tensors.emplace_back(older, Tensor::empty(entry.shape, DType::f32));
    reader.read(name, tensors.back().second);
  }
  tensors.emplace_back("bert.pooler.dense.weight", Tensor::zeros({16, 16}, DType::f32));
  tensors.emplace_back("cls.seq_relationship.bias", Tensor::zeros({2}, DType::f32));
  write_safetensors(temporary / "model.safetensors", tensors);
  EXPECT_EQ(logits_of(*load_model(temporary.path())), logits_of(*load_model(golden())));
}

// Files of a model with a new head may still hold the parts that predicted tokens.
TEST(EncoderModel, PartsThatPredictedTokensAreLeftOut) {
  for (const auto& [folder, left] : {std::pair{"bart_classifier", "final_logits_bias"},
                                     {"t5_classifier", "lm_head.weight"},
                                     {"t5_encoder_model", "decoder.final_layer_norm.weight"},
                                     {"t5_token_classifier", "transformer.decoder.final_layer_norm.weight"}}) {
    const TemporaryDirectory temporary;
    std::filesystem::copy_file(kGoldens / folder / "config.json", temporary / "config.json");
    const TensorFile reader = open_safetensors(kGoldens / folder / "model.safetensors");
    std::vector<std::pair<std::string, Tensor>> tensors{{left, Tensor::zeros({1, 18}, DType::f32)}};
    for (const auto& [name, entry] : reader.entries()) {
      tensors.emplace_back(name, Tensor::empty(entry.shape, DType::f32));
      reader.read(name, tensors.back().second);
    }
    write_safetensors(temporary / "model.safetensors", tensors);
    EXPECT_NO_THROW(load_model(temporary.path())) << folder;
  }
}

TEST(EncoderModelLabels, AreThoseOfConfigOrNumbered) {
  EXPECT_THAT(load_model(kGoldens / "classifier")->labels, ElementsAre("bad", "fair", "good"));
  EXPECT_THAT(load_model(kGoldens / "classifier_two_unnamed")->labels, ElementsAre("LABEL_0", "LABEL_1"));
}

TEST(BadEncoderModel, ConfigMessagesNameTheKey) {
  const TemporaryDirectory temporary;
  const auto message = [&](const std::string& folder, const nlohmann::json& changes) -> std::string {
    std::filesystem::copy_file(kGoldens / folder / "model.safetensors", temporary / "model.safetensors",
                               std::filesystem::copy_options::overwrite_existing);
    nlohmann::json json = nlohmann::json::parse(read_file(kGoldens / folder / "config.json"));
    json.merge_patch(changes);
    std::ofstream(temporary / "config.json") << json;
    try {
      load_model(temporary.path());
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message("classifier", nlohmann::json::object()), "no error");
  EXPECT_EQ(message("classifier", {{"id2label", {{"0", 7}, {"1", 8}, {"2", 9}}}}), "no error");
  EXPECT_THAT(message("classifier", {{"id2label", {{"2", nullptr}}}}), HasSubstr("\"classifier.weight\" is [3, 16]"));
  EXPECT_THAT(message("classifier", {{"id2label", {{"1", nullptr}}}}), HasSubstr("a name for each of the numbers from 0 on"));
  EXPECT_THAT(message("classifier", {{"id2label", {{"1", nullptr}, {"2", nullptr}}}}), HasSubstr("\"classifier.weight\" is [3, 16]"));
  const nlohmann::json one_of_one = {{"id2label", {{"1", nullptr}, {"2", nullptr}}}, {"problem_type", "single_label_classification"}};
  EXPECT_THAT(message("classifier", one_of_one), HasSubstr("num_labels is 1; it must be 2 to"));
  EXPECT_THAT(message("classifier", {{"problem_type", "ordinal"}}),
              HasSubstr("\"problem_type\" is \"ordinal\"; there are single_label_classification, multi_label_classification, regression"));
  EXPECT_THAT(message("roberta_masked_lm", {{"pad_token_id", -1}}), HasSubstr("\"pad_token_id\" is -1; positions begin behind it"));
  EXPECT_THAT(message("roberta_masked_lm", {{"pad_token_id", 41}}), HasSubstr("\"max_position_embeddings\" is 41"));
  EXPECT_THAT(message("roberta_masked_lm", {{"max_position_embeddings", 43}}), HasSubstr("position_embeddings.weight\" is [41, 18]"));
  EXPECT_THAT(message("roberta_question_answering", {{"num_labels", 3}}), HasSubstr("3 outputs for each token; an answer has 2"));
  EXPECT_THAT(message("electra_masked_lm", {{"embedding_size", 9}}), HasSubstr("word_embeddings.weight\" is [23, 10]"));
  EXPECT_THAT(message("mpnet_model", {{"relative_attention_num_buckets", 64}}), HasSubstr("\"relative_attention_num_buckets\" is 64"));
  EXPECT_THAT(message("albert_model", {{"inner_group_num", 2}}), HasSubstr("\"inner_group_num\" is 2; only groups of one layer"));
  EXPECT_THAT(message("albert_masked_lm", {{"num_hidden_groups", 3}}), HasSubstr("4 layers do not make 3 groups of equal size"));
  EXPECT_THAT(message("masked_lm", {{"position_embedding_type", "relative_key"}}), HasSubstr("\"relative_key\"; only \"absolute\""));
  EXPECT_THAT(message("masked_lm", {{"is_decoder", true}}), HasSubstr("\"is_decoder\" is true"));
  EXPECT_THAT(message("masked_lm", {{"type_vocab_size", 1 << 15}}), HasSubstr("token_type_embeddings.weight\" is [2, 16]"));
  EXPECT_THAT(message("masked_lm", {{"num_hidden_layers", 3}}), HasSubstr("has no tensor \"bert.encoder.layer.2"));
  EXPECT_THAT(message("masked_lm", {{"architectures", {"BertForSequenceClassification"}}}),
              HasSubstr("\"classifier.weight\", \"classifier.bias\"; it has 5 tensors"));
}

TEST(BadEncoderModel, ATextWithoutItsEndHasNoLabel) {
  const std::unique_ptr<Model> model = load_model(kGoldens / "mbart_classifier");
  EXPECT_EQ(row_of_label(model->config, std::vector<int32_t>{2, 3, 5, 3, 20}), 3);
  EXPECT_THROW(label_logits(model->network, EncoderInputs{.ids = {{2, 5, 20}}}, {}), Error);
}

TEST(EncoderModelLabels, KindsAreThoseOfConfig) {
  const auto kind = [](const char* folder) { return load_model(kGoldens / folder)->config.label_kind; };
  EXPECT_EQ(kind("classifier"), LabelKind::one);
  EXPECT_EQ(kind("bert_several_labels"), LabelKind::several);
  EXPECT_EQ(kind("bert_numbers"), LabelKind::values);
  EXPECT_EQ(kind("bert_one_label"), LabelKind::several);  // as transformers' pipelines read a single output
}

// Each label of several has a probability of its own, the sigmoid of its logit.
TEST(EncoderModelLabels, ProbabilitiesOfSeveralDoNotSumToOne) {
  const std::filesystem::path golden = kGoldens / "bert_several_labels";
  const nlohmann::json expected = nlohmann::json::parse(read_file(golden / "expected.json"));
  const TensorFile reader = open_safetensors(golden / "expected.safetensors");
  const Tensor logits = Tensor::empty(reader.entries().at("logits").shape, DType::f32);
  reader.read("logits", logits);
  const EncoderInputs texts{.ids = expected["sequences"].get<std::vector<std::vector<int32_t>>>(),
                            .token_types = expected["token_types"].get<std::vector<std::vector<int32_t>>>()};
  const std::unique_ptr<Model> model = load_model(golden);
  const auto found = label_logits(model->network, texts, {});
  for (size_t i = 0; i < texts.ids.size(); ++i) {
    const std::vector<double> log_p = log_probabilities(found[i], model->config.label_kind);
    for (size_t label = 0; label < 3; ++label) {
      const double logit = logits.to_vector()[3 * i + label];
      EXPECT_NEAR(std::exp(log_p[label]), 1 / (1 + std::exp(-logit)), 1e-5);
    }
  }
}

// Classes of one network are told apart by the files that a model comes from; a model of no files is written as the first.
TEST(EncoderModel, ClassFollowsTheFilesAlsoWithAnotherHead) {
  const std::unique_ptr<Model> model = load_model(kGoldens / "camembert_masked_lm");
  EXPECT_EQ(architecture_for(model->config, model->model_type).class_name, "CamembertForMaskedLM");
  EXPECT_EQ(architecture_for(model->config).class_name, "RobertaForMaskedLM");
  TransformerConfig classifier = model->config;
  classifier.head = Head::classification;
  EXPECT_EQ(architecture_for(classifier, model->model_type).class_name, "CamembertForSequenceClassification");
}

// A network that no class of transformers can represent is saved as qkv's own class.
TEST(OwnEncoderModel, EveryChoiceComesBack) {
  const TemporaryDirectory temporary;
  for (const Head head : {Head::masked_lm, Head::classification, Head::token_classification, Head::question_answering, Head::next_sentence,
                          Head::replaced_tokens, Head::multiple_choice}) {
    UniformConfig config;
    config.kind = Kind::encoder_only;
    config.head = head;
    config.num_labels = names_labels(head) ? 3 : has_one_output(head) ? 1 : 2;
    if (head == Head::classification) config.label_kind = LabelKind::several;
    config.pooler_activation = Activation::gelu;
    config.dropout_before_pooler = true;
    config.embedding_size = 8;
    config.layer_groups = 1;
    config.vocab_size = 11;
    config.hidden_size = 16;
    config.encoder_layers = 2;
    config.decoder_layers = 0;
    config.num_attention_heads = config.num_key_value_heads = 4;
    config.encoder_ffn_dim = config.decoder_ffn_dim = 12;
    config.norm_position = NormPlace::pre;
    config.position = Position::rope;
    config.rope.rotary_dim = 2;
    config.final_logits_bias = false;
    config.tie_word_embeddings = head != Head::masked_lm;
    config.token_types = 3;
    config.classifier_dropout = 0.3f;
    const std::unique_ptr<Model> model = create_model(config, 3);
    if (names_labels(head)) model->labels = {"a", "b", "c"};
    save_model(*model, temporary / "own");
    EXPECT_EQ(ModelDirectory(temporary / "own").architecture().model_type, "qkv");
    const std::unique_ptr<Model> again = load_model(temporary / "own");
    EXPECT_EQ(again->labels, model->labels);
    EXPECT_EQ(again->config.classifier_dropout, 0.3f);
    EXPECT_EQ(again->config.head, head);
    EXPECT_EQ(again->config.num_labels, model->config.num_labels);
    EXPECT_EQ(again->config.label_kind, model->config.label_kind);
    EXPECT_EQ(again->config.embedding_size, 8);
    EXPECT_EQ(again->config.layer_groups, 1);
    EXPECT_TRUE(again->config.dropout_before_pooler);
    const auto logits_of = [](const Model& m) {
      const TokenBatch batch{{1, 2, 3, 4, 5, 6}, Segments::of_lengths(std::vector<int32_t>{6}), {0, 0, 2, 1, 1, 2}};
      ForwardContext context;
      return m.network.logits_of_rows(m.network.encode(batch, context), batch.segments, std::vector<int32_t>{0, 3}, context).to_vector();
    };
    EXPECT_EQ(logits_of(*again), logits_of(*model));
  }
}

}  // namespace
}  // namespace qkv
