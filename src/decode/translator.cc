#include "decode/translator.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "base/log.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "decode/option_table.h"

namespace qkv {
namespace {

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

struct Sources {
  std::vector<std::vector<int32_t>> ids;  // one per text; empty for blank texts
  std::vector<int64_t> repaired, cut;     // line numbers
  std::vector<int64_t> unknown;           // line numbers of texts with unknown tokens
};

Sources encode_all(const Transformer& network, const Tokenizer& tokenizer, std::span<const std::string> texts,
                   const TranslateOptions& options) {
  Sources sources;
  sources.ids.resize(texts.size());
  std::vector<uint8_t> repaired(texts.size()), cut(texts.size()), unknown(texts.size());
  std::vector<int64_t> too_long(texts.size());
  const TransformerConfig& config = network.config();
  parallel_for(static_cast<int64_t>(texts.size()), [&](int64_t i) {
    if (is_blank(texts[i])) return;
    const std::string where = fmt::format("line {}", options.first_line + i);
    EncodedSource source = encode_source(tokenizer, config, texts[i], options.truncate || options.too_long, where, options.source_tokens);
    repaired[i] = !is_valid_utf8(texts[i]);
    if (source.cut && !options.truncate) {
      too_long[i] = source.tokens;
      return;
    }
    cut[i] = source.cut;
    unknown[i] = std::find(source.ids.begin(), source.ids.end(), tokenizer.unknown_id()) != source.ids.end();
    sources.ids[i] = std::move(source.ids);
  });
  for (size_t i = 0; i < texts.size(); ++i) {
    const int64_t line = options.first_line + static_cast<int64_t>(i);
    if (repaired[i]) sources.repaired.push_back(line);
    if (cut[i]) sources.cut.push_back(line);
    if (unknown[i]) sources.unknown.push_back(line);
    if (too_long[i]) options.too_long->push_back({line, too_long[i]});
  }
  return sources;
}

BatchLimits batch_limits(const TransformerConfig& config, const TranslateOptions& options) {
  constexpr int64_t kMaxLogits = int64_t{1} << 25;  // 128 MiB in f32
  const int64_t beams = options.search.num_beams;
  return {.tokens = options.batch_tokens, .copies = beams, .sequences = std::max<int64_t>(1, kMaxLogits / config.vocab_size / beams)};
}

// Batches that each are translated by one thread, if there is enough for all: the many small ops of a decoding step are not worth sharing.
// At most four times batch_tokens are under way at once, or what so many threads need. None if the threads share one batch after the other.
//
// Beam 5 on two threads, bf16 on AMX, tokens counted with their beams: 1.3 to 2 times as fast from 4,000 tokens of a thread on; a network
// of 512 columns is slower below 1,100, as each thread reads all weights, one of 256 gains from 500 on.
std::vector<std::vector<int32_t>> batches_of_threads(const Transformer& network, std::span<const std::vector<int32_t>> ids,
                                                     const TranslateOptions& options) {
  constexpr int64_t kLeastTokens = 1536;
  const bool shared_memory = kernels_of(network.embed_tokens().device()).memory.shared_with_host;
  const int64_t threads = shared_memory && !inside_parallel_for() ? num_threads() : 1;
  BatchLimits limits = batch_limits(network.config(), options);
  int64_t total = 0, longest = 0;
  for (const std::vector<int32_t>& each : ids) {
    total += std::ssize(each) * limits.copies;
    longest = std::max(longest, std::ssize(each) * limits.copies);
  }
  if (threads == 1 || total < threads * kLeastTokens) return {};
  limits.tokens = std::min(limits.tokens, total);
  const int64_t most = std::clamp(4 * limits.tokens / threads, std::min(limits.tokens, kLeastTokens), limits.tokens);
  // Two rounds or more: the last batches are of the shortest texts, so that all threads end at about the same time.
  const int64_t rounds = std::max(total / (threads * most) + 1, total < 4 * threads * kLeastTokens ? int64_t{1} : int64_t{2});
  limits.tokens = std::min(limits.tokens, total / (threads * rounds) + longest);
  limits.sequences = std::max<int64_t>(1, limits.sequences / threads);
  std::vector<std::vector<int32_t>> batches = batches_by_length(ids, limits);
  return std::ssize(batches) < threads ? std::vector<std::vector<int32_t>>{} : batches;
}

Translation::Candidate to_candidate(const Tokenizer& tokenizer, const TransformerConfig& config, Hypothesis hypothesis) {
  Translation::Candidate candidate;
  for (const int32_t id : hypothesis.ids) {
    candidate.tokens.push_back(id < tokenizer.vocab_size() ? tokenizer.id_to_token(id) : fmt::format("<{}>", id));
  }
  candidate.text = text_of(tokenizer, config, hypothesis.ids);
  candidate.score = hypothesis.score;
  candidate.token_scores = std::move(hypothesis.token_scores);
  return candidate;
}

void translate_batch(const Transformer& network, const Tokenizer& tokenizer, const Sources& sources, std::span<const int32_t> batch,
                     const TranslateOptions& options, std::vector<Translation>& result) {
  const TokenBatch input = pack(sources.ids, batch);
  ForwardContext context;
  context.dtype = options.dtype;
  std::vector<std::vector<Hypothesis>> found = search(network, input, options.search, context);
  parallel_for(static_cast<int64_t>(batch.size()), [&](int64_t i) {
    for (Hypothesis& hypothesis : found[i]) {
      result[batch[i]].candidates.push_back(to_candidate(tokenizer, network.config(), std::move(hypothesis)));
    }
  });
}

void translate_all(const Transformer& network, const Tokenizer& tokenizer, const Sources& sources, const TranslateOptions& options,
                   std::vector<Translation>& result) {
  std::atomic<int64_t> done = std::ranges::count_if(sources.ids, [](const std::vector<int32_t>& ids) { return ids.empty(); });
  const auto caller = std::this_thread::get_id();
  const auto run = [&](const std::vector<int32_t>& batch) {
    translate_batch(network, tokenizer, sources, batch, options, result);
    done += std::ssize(batch);
    if (options.on_progress && std::this_thread::get_id() == caller) options.on_progress(done);
  };
  const std::vector<std::vector<int32_t>> of_threads = batches_of_threads(network, sources.ids, options);
  if (of_threads.empty()) {
    for (const std::vector<int32_t>& batch : batches_by_length(sources.ids, batch_limits(network.config(), options))) run(batch);
    return;
  }
  parallel_for(std::ssize(of_threads), [&](int64_t i) { run(of_threads[static_cast<size_t>(i)]); });
  if (options.on_progress) options.on_progress(done);
}

}  // namespace

TranslateOptions resolve_options(const TranslatorOptions& chosen, const Model& model) {
  TranslateOptions options;
  SearchOptions& search = options.search;
  search = default_search_options(model);
  QKV_CHECK_OPTION(chosen.n_best >= 1, "`n_best` {} is too few; 1 is the best translation alone", chosen.n_best);
  search.num_beams = chosen.num_beams.value_or(std::max(search.num_beams, chosen.n_best));
  search.num_return_sequences = chosen.n_best;
  QKV_CHECK_OPTION(search.num_beams >= 1, "`num_beams` {} is too small; 1 is greedy search", search.num_beams);
  QKV_CHECK_OPTION(search.num_return_sequences <= search.num_beams, "`n_best` {} is more than `num_beams` {}; make it larger, or n smaller",
                   search.num_return_sequences, search.num_beams);
  search.length_penalty = chosen.length_penalty.value_or(search.length_penalty);
  QKV_CHECK_OPTION(std::isfinite(search.length_penalty),
                   "`length_penalty` {} is no number to divide by; 1 is the mean of log p, 0 their sum", search.length_penalty);
  const int longest = model.config.max_position_embeddings + 1;
  QKV_CHECK_OPTION(!chosen.max_length || (*chosen.max_length >= 2 && *chosen.max_length <= longest),
                   "`max_length` {} does not fit the model; possible: 2 to {}", *chosen.max_length, longest);
  search.max_length = chosen.max_length.value_or(search.max_length);
  search.max_length_factor = chosen.max_length_factor;
  QKV_CHECK_OPTION(search.max_length_factor >= 0 && std::isfinite(search.max_length_factor),
                   "`max_length_factor` {} does not fit; 2 cuts a translation at twice the tokens of its source, 0 sets no such limit",
                   search.max_length_factor);
  search.min_length = chosen.min_length.value_or(search.min_length);
  QKV_CHECK_OPTION(search.min_length >= 0 && (!chosen.min_length || search.min_length <= search.max_length),
                   "`min_length` {} does not fit; possible: 0 to the maximum length, which is {}", search.min_length, search.max_length);
  search.rules.repetition_penalty = chosen.repetition_penalty.value_or(search.rules.repetition_penalty);
  search.rules.no_repeat_ngram_size = chosen.no_repeat_ngram_size.value_or(search.rules.no_repeat_ngram_size);
  validate(search.rules, model.config);
  QKV_CHECK_OPTION(chosen.batch_tokens >= 1, "`batch_tokens` {} is too small; 1 computes one text at a time", chosen.batch_tokens);
  check_ranges(translator_option_table(), chosen);
  options.dtype = activation_type(model);
  options.truncate = chosen.truncate;
  options.batch_tokens = chosen.batch_tokens;
  return options;
}

void resolve_languages(const TranslatorOptions& chosen, const Model& model, const Tokenizer& tokenizer,
                       const std::filesystem::path& directory, TranslateOptions& options) {
  const std::optional<Languages> languages =
      find_languages(directory, tokenizer, model.config, chosen.source_language, chosen.target_language);
  if (!languages) return;
  options.source_tokens = languages->source;
  set_target(*languages, options.search);
}

EncodedSource encode_source(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view text, bool truncate,
                            std::string_view where, const std::optional<SourceTokens>& around) {
  // Special tokens spelled out in the text are encoded as text, as in training.
  EncodedSource source{
      tokenizer.encode(text, {.add_special_tokens = !around || around->others, .special_tokens_as_text = true, .find_tags = true})};
  std::vector<int32_t>& ids = source.ids;
  if (around) {
    ids.insert(ids.begin(), around->before.begin(), around->before.end());
    ids.insert(ids.end(), around->after.begin(), around->after.end());
  }
  if (ids.empty())  // the tokenizer dropped all characters
    ids.push_back(config.eos_token_ids.empty() ? config.decoder_start_token_id : config.eos_token_ids.front());
  source.tokens = std::ssize(ids);
  for (const int32_t id : ids) {
    if (id < config.vocab_size) continue;
    fail_option(ErrorCode::bad_input,
                "{}: token {} of tokenizer.json is outside the model's vocabulary of {}; they are not of the same model", where, id,
                config.vocab_size);
  }
  const size_t most = static_cast<size_t>(config.max_position_embeddings);
  if (ids.size() <= most) return source;
  if (!truncate) {
    fail_option(ErrorCode::bad_input, "{} has {} tokens and the model takes {}; split it, or let `truncate` cut it", where, ids.size(),
                most);
  }
  std::vector<int32_t> kept;  // the tokens after the text
  if (around && !around->others) {
    kept = around->after;
  } else if (config.is_eos(ids.back())) {
    kept = {ids.back()};
  }
  ids.resize(most);
  std::copy(kept.rbegin(), kept.rbegin() + std::min(std::ssize(kept), std::ssize(ids)), ids.rbegin());
  source.cut = true;
  return source;
}

// Formats line numbers: "line 4", or "lines 4, 7, 9 and 12 more".
std::string list_lines(std::span<const int64_t> lines) {
  constexpr size_t kShown = 5;
  const std::string shown = fmt::format("{}", fmt::join(lines.first(std::min(lines.size(), kShown)), ", "));
  if (lines.size() == 1) return "line " + shown;
  return lines.size() <= kShown ? "lines " + shown : fmt::format("lines {} and {} more", shown, lines.size() - kShown);
}

std::string text_of(const Tokenizer& tokenizer, const TransformerConfig& config, std::span<const int32_t> hypothesis) {
  const bool ended = !hypothesis.empty() && config.is_eos(hypothesis.back());
  return text_of(tokenizer, ended ? hypothesis.first(hypothesis.size() - 1) : hypothesis);
}

std::string text_of(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  std::vector<int32_t> known;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(known), [&](int32_t id) { return id >= 0 && id < tokenizer.vocab_size(); });
  return tokenizer.decode(known);
}

void check_translates(const TransformerConfig& config) {
  if (config.kind != Kind::encoder_decoder || config.has_head())
    fail(ErrorCode::unsupported, "this model cannot translate; it {}", use_of(config));
}

std::vector<Translation> translate(const Transformer& network, const Tokenizer& tokenizer, std::span<const std::string> texts,
                                   const TranslateOptions& options) {
  check_translates(network.config());
  const Sources sources = encode_all(network, tokenizer, texts, options);
  if (!sources.repaired.empty()) log_warning("{}: not valid UTF-8; the bad bytes are read as U+FFFD", list_lines(sources.repaired));
  if (!sources.cut.empty())
    log_warning("{}: cut to the {} tokens that the model takes", list_lines(sources.cut), network.config().max_position_embeddings);
  if (options.warn_of_unknown && !sources.unknown.empty())
    log_warning("{}: some characters or words are unknown to the tokenizer; they are read as {}", list_lines(sources.unknown),
                tokenizer.id_to_token(tokenizer.unknown_id()));
  std::vector<Translation> result(texts.size());
  translate_all(network, tokenizer, sources, options, result);
  for (Translation& translation : result) {
    if (translation.candidates.empty()) translation.candidates.emplace_back();
  }
  return result;
}

}  // namespace qkv
