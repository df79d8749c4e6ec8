#include "text/training/trained_pipeline.h"

#include "formats/json.h"
#include "text/files/tokenizer_json.h"
#include "text/stages/byte_level.h"
#include "text/stages/normalizers.h"
#include "text/stages/pre_tokenizers.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

constexpr const char* kSentences = R"({
  "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "NFC"},
    {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
    {"type": "Strip", "strip_left": true, "strip_right": true}]},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
    {"type": "Punctuation", "behavior": "Isolated"}]},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}},
             {"SpecialToken": {"id": "</s>", "type_id": 0}}],
    "special_tokens": {"</s>": {"id": "</s>", "ids": [0], "tokens": ["</s>"]}}},
  "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
  "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null, "end_of_word_suffix": null,
    "fuse_unk": true, "byte_fallback": false, "ignore_merges": false}
})";

// Replaces the stages of kSentences.
constexpr const char* kUnigram = R"({
  "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
  "model": {"type": "Unigram", "unk_id": 1}
})";
constexpr const char* kWords = R"({"model": {"type": "WordLevel"}})";

constexpr const char* kWordPieces = R"({
  "normalizer": {"type": "NFC"},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"}]},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
    "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
             {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
             {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
    "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
  "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
})";

constexpr const char* kBytePairs = R"({
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "post_processor": null,
  "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
    "fuse_unk": false, "byte_fallback": false, "ignore_merges": false}
})";

constexpr const char* kCharacters = R"({
  "normalizer": null,
  "pre_tokenizer": null,
  "post_processor": null,
  "decoder": {"type": "Fuse"},
  "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null, "end_of_word_suffix": null,
    "fuse_unk": false, "byte_fallback": false, "ignore_merges": false}
})";

// For counting characters only: each is a word.
constexpr const char* kSingleCharacters = R"({"type": "Split", "pattern": {"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": false})";

ordered_json stages_of(TokenizerPipeline pipeline) {
  ordered_json stages;
  switch (pipeline) {
    case TokenizerPipeline::characters: return ordered_json::parse(kCharacters);
    case TokenizerPipeline::word_pieces: return ordered_json::parse(kWordPieces);
    case TokenizerPipeline::byte_pairs:
    case TokenizerPipeline::bytes:
      stages = ordered_json::parse(kBytePairs);
      stages["pre_tokenizer"]["use_regex"] = pipeline == TokenizerPipeline::byte_pairs;  // without merges a text need not be split
      return stages;
    default:
      stages = ordered_json::parse(kSentences);
      if (pipeline == TokenizerPipeline::unigram) stages.update(ordered_json::parse(kUnigram));
      if (pipeline == TokenizerPipeline::words) stages.update(ordered_json::parse(kWords));
      return stages;
  }
}

// A stage of the pipeline, or null.
template <typename Make>
auto make_stage(const std::string& text, Make&& make) -> decltype(make(std::declval<JsonNode>())) {
  const nlohmann::json stage = parse_json(text, "trained stages");
  if (stage.is_null()) return nullptr;
  return make(JsonNode(stage, "trained stages"));
}

void write_vocabulary(ordered_json& model, const TrainedVocabulary& trained) {
  if (model["type"] == "Unigram") {
    ordered_json& vocabulary = model["vocab"] = ordered_json::array();
    for (size_t id = 0; id < trained.tokens.size(); ++id)
      vocabulary.push_back(ordered_json::array({trained.tokens[id], trained.scores[id]}));
    model["byte_fallback"] = trained.byte_fallback;
    return;
  }
  model["vocab"] = ordered_json::object();
  // ordered_json searches all keys before it adds one; its base class does not. The tokens are unique.
  auto& vocabulary = static_cast<ordered_json::object_t::Container&>(model["vocab"].get_ref<ordered_json::object_t&>());
  for (size_t id = 0; id < trained.tokens.size(); ++id) vocabulary.emplace_back(trained.tokens[id], id);
  if (model["type"] == "WordLevel") model["unk_token"] = kUnkToken;  // `tokenizers` writes it last
  if (model["type"] != "BPE") return;
  model["merges"] = ordered_json::array();
  auto& merges = model["merges"].get_ref<ordered_json::array_t&>();
  const auto token = [&](int32_t id) { return trained.tokens[static_cast<size_t>(id)]; };
  for (const BpeMerge& merge : trained.merges) {
    merges.push_back(ordered_json::array({token(merge.pair.left), token(merge.pair.right)}));
  }
}

}  // namespace

std::vector<std::string> special_tokens_of(TokenizerPipeline pipeline) {
  switch (pipeline) {
    case TokenizerPipeline::sentences:
    case TokenizerPipeline::unigram:
    case TokenizerPipeline::words: return {std::string(kEosToken), std::string(kUnkToken), std::string(kPadToken)};
    case TokenizerPipeline::word_pieces: return {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    case TokenizerPipeline::characters: return {std::string(kEndOfTextToken), std::string(kUnkToken)};
    default: return {std::string(kEndOfTextToken)};
  }
}

std::u32string initial_alphabet_of(TokenizerPipeline pipeline) {
  return pipeline == TokenizerPipeline::byte_pairs || pipeline == TokenizerPipeline::bytes ? byte_level_alphabet() : std::u32string();
}

std::unique_ptr<Normalizer> training_normalizer(TokenizerPipeline pipeline) {
  return make_stage(stages_of(pipeline)["normalizer"].dump(), [](const JsonNode& node) { return make_normalizer(node); });
}

std::unique_ptr<PreTokenizer> training_pre_tokenizer(TokenizerPipeline pipeline) {
  const std::string stage = pipeline == TokenizerPipeline::characters ? kSingleCharacters : stages_of(pipeline)["pre_tokenizer"].dump();
  return make_stage(stage, [](const JsonNode& node) { return make_pre_tokenizer(node); });
}

std::string trained_tokenizer_json(TokenizerPipeline pipeline, const TrainedVocabulary& trained) {
  ordered_json stages = stages_of(pipeline);
  if (trained.byte_fallback) {
    stages["decoder"] = {{"type", "Sequence"}, {"decoders", ordered_json::array({{{"type", "ByteFallback"}}, stages["decoder"]})}};
  }
  ordered_json root{{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", ordered_json::array()}};
  for (size_t id = 0; id < trained.special_tokens; ++id) {
    root["added_tokens"].push_back({{"id", id},
                                    {"content", trained.tokens[id]},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  }
  for (const char* stage : {"normalizer", "pre_tokenizer", "post_processor", "decoder", "model"}) root[stage] = stages[stage];
  write_vocabulary(root["model"], trained);
  return root.dump(2);
}

}  // namespace qkv
