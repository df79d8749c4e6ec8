// qkv::Scorer of the public API.
#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>

#include "api/model_checks.h"
#include "base/option_error.h"
#include "data/masking.h"
#include "decode/generator.h"
#include "decode/translator.h"
#include "evaluate/option_table.h"
#include "evaluate/token_scores.h"
#include "qkv/scorer.h"

namespace qkv {
namespace {

ScorerKind kind_of(const std::filesystem::path& directory, const TransformerConfig& config) {
  if (config.kind == Kind::encoder_decoder && !config.has_head()) return ScorerKind::encoder_decoder;
  if (config.kind == Kind::decoder_only) return ScorerKind::language_model;
  if (!config.has_decoder() && config.head == Head::masked_lm) return ScorerKind::masked_language_model;
  fail(ErrorCode::unsupported, "{}: the model predicts no tokens; it {}", directory.string(), use_of(config));
}

std::string where(size_t input) { return fmt::format("text {}", input + 1); }

// What the network reads of one input, in one or several pieces.
struct Prepared {
  std::vector<ScoredSequence> pieces;
  bool cut = false;
};

}  // namespace

struct QKV_INTERNAL Scorer::Impl {
  std::filesystem::path directory;
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
  ScorerKind kind;
  std::mutex busy;  // one call at a time: each uses all threads

  const TransformerConfig& config() const { return model->config; }
  Prepared prepare_text(const ScoreInput& input, const ScoreOptions& options) const;
  Prepared prepare_target(const ScoreInput& input, size_t number, const std::optional<Languages>& languages) const;
  Prepared prepare_masked(const ScoreInput& input, size_t number) const;
  std::vector<int32_t> encode(const std::string& text, const ScoreOptions& options) const;
  TextScore collect(const Prepared& prepared, std::span<const std::vector<double>> scores) const;
};

// The tokens of a language model's text, after a start token if there is one.
std::vector<int32_t> Scorer::Impl::encode(const std::string& text, const ScoreOptions& options) const {
  std::vector<int32_t> ids = tokenizer.encode(text);
  if (!options.start_token) return ids;
  const std::vector<int32_t> around = tokenizer.encode("");
  const bool begins = !around.empty() && !ids.empty() && ids.front() == around.front() && !config().is_eos(around.front());
  if (begins) return ids;
  const int32_t start = config().decoder_start_token_id;
  QKV_CHECK_OPTION(start >= 0, "`start_token`: {} names no \"bos_token_id\"", directory.string());
  ids.insert(ids.begin(), start);
  return ids;
}

Prepared Scorer::Impl::prepare_text(const ScoreInput& input, const ScoreOptions& options) const {
  const std::vector<int32_t> ids = encode(input.prompt.value_or("") + input.text, options);
  size_t first = 1;
  if (input.prompt) {
    const std::vector<int32_t> before = encode(*input.prompt, options);
    const auto end = std::mismatch(before.begin(), before.end(), ids.begin(), ids.end()).second;
    first = std::max<size_t>(1, static_cast<size_t>(end - ids.begin()));
  }
  Prepared prepared;
  if (first >= ids.size()) return prepared;
  const auto context = static_cast<size_t>(context_of(config()));
  if (context == 0 || ids.size() - 1 <= context) {
    prepared.pieces.push_back({.source = {}, .ids = ids, .first = first, .places = {}});
    return prepared;
  }
  prepared.cut = true;
  const auto piece = [&](size_t begin, size_t end, size_t scored) {
    prepared.pieces.push_back(
        {{}, {ids.begin() + static_cast<int64_t>(begin), ids.begin() + static_cast<int64_t>(end)}, scored - begin, {}});
  };
  if (ids.size() - first <= context) {  // the prompt's end is kept
    piece(ids.size() - 1 - context, ids.size(), first);
    return prepared;
  }
  for (size_t begin = first - 1; begin + 1 < ids.size(); begin += context)
    piece(begin, std::min(ids.size(), begin + context + 1), begin + 1);
  return prepared;
}

Prepared Scorer::Impl::prepare_target(const ScoreInput& input, size_t number, const std::optional<Languages>& languages) const {
  if (!input.prompt) {
    fail(ErrorCode::bad_input, "{} has no source; the model {} and scores a text beside its source", where(number), use_of(config()));
  }
  ScoredSequence sequence;
  const std::optional<SourceTokens> around = languages ? std::optional(languages->source) : std::nullopt;
  sequence.source = encode_source(tokenizer, config(), *input.prompt, false, where(number), around).ids;
  const bool plain = around && !around->others;  // the tokenizer's own tokens would name the source's language
  sequence.ids = tokenizer.encode(input.text, {.add_special_tokens = !plain, .special_tokens_as_text = true, .find_tags = true});
  if (languages && languages->forced_first) sequence.ids.insert(sequence.ids.begin(), *languages->forced_first);
  if (plain && !config().eos_token_ids.empty()) sequence.ids.push_back(config().eos_token_ids.front());
  if (std::ssize(sequence.ids) > config().max_position_embeddings) {
    fail(ErrorCode::bad_input, "{} has {} tokens, the model takes {}; split it", where(number), sequence.ids.size(),
         config().max_position_embeddings);
  }
  return {{std::move(sequence)}, false};
}

Prepared Scorer::Impl::prepare_masked(const ScoreInput& input, size_t number) const {
  const Encoding encoding = tokenizer.encode_with_offsets(input.prompt.value_or("") + input.text);
  if (std::ssize(encoding.ids) > config().max_position_embeddings) {
    fail(ErrorCode::bad_input, "{} has {} tokens, the model takes {}; split it", where(number), encoding.ids.size(),
         config().max_position_embeddings);
  }
  ScoredSequence sequence{.source = {}, .ids = encoding.ids, .first = 0, .places = {}};
  if (input.prompt) {
    const std::vector<int32_t> before = tokenizer.encode(*input.prompt);
    const auto end = std::mismatch(before.begin(), before.end(), encoding.ids.begin(), encoding.ids.end()).second;
    sequence.first = static_cast<size_t>(end - encoding.ids.begin());
  }
  for (size_t i = sequence.first; i < encoding.ids.size(); ++i) {
    if (encoding.special_tokens_mask[i] == 0) sequence.places.push_back(i);
  }
  return {{std::move(sequence)}, false};
}

TextScore Scorer::Impl::collect(const Prepared& prepared, std::span<const std::vector<double>> scores) const {
  TextScore result{.cut = prepared.cut};
  for (size_t piece = 0; piece < prepared.pieces.size(); ++piece) {
    const ScoredSequence& sequence = prepared.pieces[piece];
    for (size_t i = 0; i < scores[piece].size(); ++i) {
      const size_t place = kind == ScorerKind::masked_language_model ? sequence.places[i] : sequence.first + i;
      const int32_t id = sequence.ids[place];
      result.tokens.push_back({id, id < tokenizer.vocab_size() ? tokenizer.id_to_token(id) : fmt::format("<{}>", id), scores[piece][i]});
      result.log_probability += scores[piece][i];
    }
  }
  return result;
}

Scorer::Scorer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Scorer::Scorer(Scorer&&) noexcept = default;
Scorer& Scorer::operator=(Scorer&&) noexcept = default;
Scorer::~Scorer() = default;

Scorer Scorer::open(const std::filesystem::path& directory, InferenceType dtype) {
  std::unique_ptr<Model> model = load_model(directory, dtype);
  const ScorerKind kind = kind_of(directory, model->config);
  Tokenizer tokenizer = Tokenizer::load(directory);
  check_tokenizer_fits(directory, tokenizer, model->config);
  return Scorer(std::unique_ptr<Impl>(new Impl{directory, std::move(model), std::move(tokenizer), kind, {}}));
}

ScorerKind Scorer::kind() const { return impl_->kind; }
int64_t Scorer::context() const {
  return impl_->kind == ScorerKind::language_model ? context_of(impl_->config()) : impl_->config().max_position_embeddings;
}

std::vector<TextScore> Scorer::score(std::span<const ScoreInput> inputs, const ScoreOptions& options) const {
  check_ranges(score_option_table(), options);
  const std::lock_guard lock(impl_->busy);
  const Impl& impl = *impl_;
  TokenScoreOptions how{.batch_tokens = options.batch_tokens, .dtype = activation_type(*impl.model), .cancellation = options.cancellation};
  std::optional<Languages> languages;
  const bool translates = impl.kind == ScorerKind::encoder_decoder;
  QKV_CHECK_OPTION(!options.start_token || impl.kind == ScorerKind::language_model, "`start_token`: the model is no language model");
  QKV_CHECK_OPTION(translates || (options.source_language.empty() && options.target_language.empty()),
                   "`source_language` and `target_language`: the model does not translate");
  if (translates)
    languages = find_languages(impl.directory, impl.tokenizer, impl.config(), options.source_language, options.target_language);
  how.decoder_start = languages && languages->decoder_start ? *languages->decoder_start : impl.config().decoder_start_token_id;
  if (impl.kind == ScorerKind::masked_language_model) how.mask = MaskingVocabulary(impl.tokenizer).mask();
  std::vector<Prepared> prepared;
  std::vector<ScoredSequence> sequences;
  for (size_t i = 0; i < inputs.size(); ++i) {
    prepared.push_back(translates                                ? impl.prepare_target(inputs[i], i, languages)
                       : impl.kind == ScorerKind::language_model ? impl.prepare_text(inputs[i], options)
                                                                 : impl.prepare_masked(inputs[i], i));
    sequences.insert(sequences.end(), prepared.back().pieces.begin(), prepared.back().pieces.end());
  }
  const std::vector<std::vector<double>> scores = token_scores(impl.model->network, sequences, how);
  std::vector<TextScore> results;
  size_t begin = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t pieces = prepared[i].pieces.size();
    results.push_back(impl.collect(prepared[i], std::span(scores).subspan(begin, pieces)));
    results.back().bytes = std::ssize(inputs[i].text);
    begin += pieces;
  }
  return results;
}

std::vector<int64_t> rank_choices(std::span<const TextScore> choices, RankBy by) {
  const auto value = [&](int64_t number) {
    const TextScore& choice = choices[static_cast<size_t>(number)];
    if (choice.tokens.empty()) return -std::numeric_limits<double>::infinity();
    if (by == RankBy::tokens) return choice.log_probability / static_cast<double>(choice.tokens.size());
    if (by == RankBy::bytes) return choice.log_probability / static_cast<double>(std::max<int64_t>(1, choice.bytes));
    return choice.log_probability;
  };
  std::vector<int64_t> order(choices.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return value(a) > value(b); });
  return order;
}

}  // namespace qkv
