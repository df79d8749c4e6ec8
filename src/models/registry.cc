#include "models/registry.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/missing_parts.h"

namespace qkv {

namespace {

std::vector<Architecture> all_architectures() {
  std::vector<Architecture> list = {
      marian(),       //
      pegasus(),      //
      m2m100(),       //
      gpt2(),         //
      llama(),        //
      mistral(),      //
      qwen2(),        //
      qwen3(),        //
      ministral(),    //
      gemma(),        //
      gemma2(),       //
      gemma3(),       //
      phi3(),         //
      smollm3(),      //
      granite(),      //
      hunyuan(),      //
      olmo2(),        //
      olmo3(),        //
      gpt_neox(),     //
      phi(),          //
      gptj(),         //
      opt(),          //
      starcoder2(),   //
      gpt_bigcode(),  //
      falcon(),       //
      mpt(),          //
      bloom(),        //
      stablelm(),     //
      cohere2(),      //
      exaone4(),      //
      glm4(),         //
      apertus(),      //
      ministral3(),   //
      mistral3_vl(),  //
      gemma3_vl(),    //
  };
  for (const auto& family :
       {t5_family(), mt5_family(), umt5_family(), bart_family(), mbart_family(), bert_family(), roberta_family(), distilbert_family(),
        electra_family(), mpnet_family(), albert_family(), modernbert_family(), eurobert_family(), nomic_bert_family(), gte_family(),
        jina_embeddings_v3_family(), jina_bert_family(), deberta_v2_family(), gemma3_encoder_family()}) {
    list.insert(list.end(), family.begin(), family.end());
  }
  list.push_back(own());
  return list;
}

}  // namespace

std::span<const Architecture> architectures() {
  static const std::vector<Architecture> list = all_architectures();
  return list;
}

namespace {

// transformers' Auto classes choose by "model_type", which may denote another network than the named class.
void check_model_type(const ConfigReader& config, const Architecture& architecture) {
  if (!config.has("model_type") || config.text("model_type") == architecture.model_type) return;
  fail(ErrorCode::bad_input, "{}: \"model_type\" is \"{}\", but \"architectures\" names {}, which is a \"{}\"; remove the wrong one",
       config.file(), shortened(config.text("model_type"), 60), architecture.class_name, architecture.model_type);
}

// The class for the encoder alone, which the files of the whole model may stand for: T5EncoderModel for T5Model and
// T5ForConditionalGeneration. Null if there is none.
const Architecture* encoder_of(std::string_view type, std::string_view name) {
  constexpr std::string_view kEnding = "EncoderModel";
  for (const Architecture& architecture : architectures()) {
    if (architecture.model_type != type || !architecture.class_name.ends_with(kEnding)) continue;
    const std::string family(architecture.class_name.substr(0, architecture.class_name.size() - kEnding.size()));
    if (name.empty() || name == family + "Model" || name == family + "ForConditionalGeneration") return &architecture;
  }
  return nullptr;
}

}  // namespace

const Architecture& find_architecture(const ConfigReader& config, ModelPart part) {
  const std::vector<std::string> classes = config.texts("architectures");
  if (part == ModelPart::encoder && config.is_text("model_type")) {
    if (const Architecture* found = encoder_of(config.text("model_type"), classes.empty() ? "" : classes.front())) return *found;
  }
  const std::string name = classes.empty() ? config.text("model_type") : classes.front();
  const std::string type = config.is_text("model_type") ? config.text("model_type") : "";
  std::vector<std::string_view> types, of_type;  // for the message: all kinds of models, and the classes of this one
  for (const Architecture& architecture : architectures()) {
    if (name == (classes.empty() ? architecture.model_type : architecture.class_name)) {
      check_model_type(config, architecture);
      return architecture;
    }
    if (architecture.model_type == type) of_type.push_back(architecture.class_name);
    if (types.empty() || types.back() != architecture.model_type) types.push_back(architecture.model_type);
  }
  if (const std::string_view part = missing_part(type.empty() ? name : type); !part.empty()) {
    fail(ErrorCode::unsupported, "{}: models of the type \"{}\" have {}, which are not supported", config.file(),
         type.empty() ? name : type, part);
  }
  if (of_type.empty()) {
    fail(ErrorCode::unsupported, "{}: the architecture \"{}\" is not supported; there are models of the types {}", config.file(),
         shortened(name, 100), fmt::join(types, ", "));
  }
  fail(ErrorCode::unsupported, "{}: the architecture \"{}\" is not supported; of the type \"{}\" there are {}", config.file(),
       shortened(name, 100), type, fmt::join(of_type, ", "));
}

namespace {

// The network without the settings that a class need not preserve.
TransformerConfig network_alone(TransformerConfig config) {
  const TransformerConfig defaults;
  config.dropout = config.classifier_dropout = config.initializer_range = 0;
  config.num_labels = defaults.num_labels;  // stored with the labels' names
  config.pad_token_id = defaults.pad_token_id;
  config.eos_token_ids = defaults.eos_token_ids;
  config.decoder_start_token_id = defaults.decoder_start_token_id;
  for (const Side side : {Side::encoder, Side::decoder}) {
    for (LayerConfig& layer : config.stack(side)) {
      layer.dropout = layer.attention.dropout = layer.feed_forward.dropout = 0;
      if (layer.attention.disentangled) layer.attention.disentangled->dropout = 0;
      if (layer.attention.rope) layer.attention.rope = used_options(*layer.attention.rope);
      if (layer.cross_attention) layer.cross_attention->dropout = 0;
    }
  }
  // Each head ignores the settings of the others, and a network that predicts next tokens all of them.
  const bool head = config.has_head();
  if (!head) config.head = defaults.head;
  if (!head || config.head != Head::classification) {
    config.label_kind = defaults.label_kind;
    config.dropout_before_pooler = defaults.dropout_before_pooler;
    if (config.head != Head::multiple_choice) config.head_pooling = defaults.head_pooling;
  }
  const bool masked_lm = head && config.head == Head::masked_lm;
  if (!head || !predicts_labels(config.head)) config.pooler_norm = config.pooler_of_tokens = false;
  if (!head || !(has_pooler(config.head) || config.pooler_of_tokens)) config.pooler_activation = defaults.pooler_activation;
  if (!masked_lm) {
    config.head_activation = defaults.head_activation;
    config.head_transform = config.head_output_bias = true;
    config.tie_word_embeddings = config.has_decoder() ? config.tie_word_embeddings : true;  // there is no output layer
  }
  if (!masked_lm && !config.pooler_norm) config.head_norm = defaults.head_norm;
  if (!head) {
    config.head_bias = defaults.head_bias;
    config.starts_with_last_token = defaults.starts_with_last_token;
  }
  return config;
}

}  // namespace

bool same_network(const TransformerConfig& a, const TransformerConfig& b) { return network_alone(a) == network_alone(b); }

bool holds(const Architecture& architecture, const TransformerConfig& config) {
  nlohmann::ordered_json written;
  try {
    architecture.write_config(config, written);
    const ConfigReader in(std::string(architecture.class_name), written);
    TransformerConfig read = architecture.read_config(in);
    if (architecture.tied_by_weights) read.tie_word_embeddings = config.tie_word_embeddings;
    // A file of a class with a pooler may lack it.
    if (read.head == Head::pooler && config.head == Head::none) read.head = Head::none;
    return same_network(read, config);
  } catch (const Error&) {  // a value that the class refuses
    return false;
  }
}

const Architecture& architecture_for(const TransformerConfig& config, std::string_view preferred_type) {
  const auto fits = [&](const Architecture& a) { return !a.read_only && holds(a, config); };
  auto found = std::find_if(architectures().begin(), architectures().end(),
                            [&](const Architecture& a) { return a.model_type == preferred_type && a.model_type != "qkv" && fits(a); });
  if (found == architectures().end()) found = std::find_if(architectures().begin(), architectures().end(), fits);
  if (found == architectures().end()) {
    fail(ErrorCode::unsupported, "no class of transformers, and no config.json of our own, can describe this network");
  }
  return *found;
}

}  // namespace qkv
