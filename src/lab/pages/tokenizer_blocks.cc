#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/temporary_directory.h"
#include "base/utf8.h"
#include "formats/json.h"
#include "lab/pages/blocks.h"
#include "lab/pages/matrix.h"
#include "qkv/tokenizer.h"
#include "qkv/tokenizer_trainer.h"
#include "text/stages/bert_normalizer.h"
#include "text/stages/pre_tokenizers.h"

namespace qkv::lab {
namespace {

constexpr const char* kSentence = "The café's waiter is unaffable! 我爱北京。";
// A part of a BERT vocabulary, a token a line.
constexpr const char* kVocabulary =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n!\n'\n。\nthe\ncafe\ns\nwait\n##er\nis\nun\n##aff\n##able\n##a\n##f\n##b\n##l\n##"
    "e\n我\n爱\n北\n京\n";

Tokenizer bert_tokenizer() {
  const TemporaryDirectory directory;
  directory.write("vocab.txt", kVocabulary);
  return Tokenizer::load(directory.path() / "vocab.txt");
}

std::string joined(const std::vector<std::string>& parts, const char* separator) { return fmt::format("{}", fmt::join(parts, separator)); }

std::vector<std::string> tokens_of(const Tokenizer& tokenizer, std::string_view text, bool special) {
  std::vector<std::string> tokens;
  for (const int32_t id : tokenizer.encode(text, special)) tokens.push_back(tokenizer.id_to_token(id));
  return tokens;
}

// Words and how often a text has them (the example of Sennrich et al. 2016, section 3.2).
std::vector<std::string> merge_corpus() {
  std::vector<std::string> lines;
  for (const auto& [word, count] : {std::pair{"low", 5}, std::pair{"lower", 2}, std::pair{"newest", 6}, std::pair{"widest", 3}}) {
    lines.insert(lines.end(), static_cast<size_t>(count), word);
  }
  return lines;
}

Tokenizer bpe_of(int64_t size) {
  const TokenizerTrainerOptions options{.pipeline = TokenizerPipeline::sentences, .vocab_size = size, .vocab_size_is_upper_bound = true};
  return train_tokenizer(options, std::span<const std::string>(merge_corpus()));
}

}  // namespace

std::string bert_path(const PageText& text, Language /*language*/) {
  const nlohmann::json stages{
      {"normalizer", {{"type", "BertNormalizer"}, {"clean_text", true}, {"handle_chinese_chars", true}, {"lowercase", true}}},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}}};
  const JsonNode root(stages, "bert");
  NormalizedText normalized(kSentence);
  make_bert_normalizer(root.at("normalizer"))->normalize(normalized);
  const std::string plain = normalized.text;
  PieceList list(std::move(normalized));
  make_pre_tokenizer(root.at("pre_tokenizer"))->apply(list);
  std::vector<std::string> words, ids;
  for (const PieceList::Piece& piece : list.pieces) words.emplace_back(list.view(piece));
  const Tokenizer tokenizer = bert_tokenizer();
  for (const int32_t id : tokenizer.encode(kSentence)) ids.push_back(std::to_string(id));
  return html_table({text.label("step"), text.label("result")},
                    {{text.label("step input"), kSentence},
                     {text.label("step normalized"), plain},
                     {text.label("step words"), joined(words, " · ")},
                     {text.label("step pieces"), joined(tokens_of(tokenizer, kSentence, false), " · ")},
                     {text.label("step framed"), joined(tokens_of(tokenizer, kSentence, true), " · ")},
                     {text.label("step ids"), joined(ids, " ")}});
}

std::string longest_match(const PageText& text, Language /*language*/) {
  const Tokenizer tokenizer = bert_tokenizer();
  const std::string word = "unaffable";
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> found;
  for (size_t begin = 0; begin < word.size();) {
    std::vector<std::string> tried;
    size_t end = word.size();
    std::string piece;
    for (; end > begin; --end) {
      piece = (begin > 0 ? "##" : "") + word.substr(begin, end - begin);
      if (tokenizer.token_to_id(piece) >= 0) break;
      tried.push_back(piece);
    }
    QKV_CHECK(end > begin, "[longest_match] no piece of {} is known", word);
    rows.push_back({word.substr(begin), tried.empty() ? "–" : joined(tried, ", "), piece});
    found.push_back(piece);
    begin = end;
  }
  QKV_CHECK(found == tokens_of(tokenizer, word, false), "[longest_match] {}: the tokenizer finds other pieces", word);
  return html_table({text.label("rest"), text.label("not in the vocabulary"), text.label("longest piece")}, rows);
}

std::string bpe_merges(const PageText& text, Language /*language*/) {
  const Tokenizer whole = bpe_of(1000);
  std::vector<std::vector<std::string>> rows;
  for (int32_t id = 0; id < whole.vocab_size() && rows.size() < 9; ++id) {
    if (whole.is_special(id) || count_characters(whole.id_to_token(id)) < 2) continue;
    if (rows.empty()) rows.push_back({"0", "–", joined(tokens_of(bpe_of(id), "lowest", false), " · ")});
    rows.push_back({std::to_string(rows.size()), whole.id_to_token(id), joined(tokens_of(bpe_of(id + 1), "lowest", false), " · ")});
  }
  return html_table({text.label("merges"), text.label("new token"), text.label("lowest")}, rows);
}

std::string unigram_choices(const PageText& text, Language /*language*/) {
  const std::vector<std::pair<std::string, double>> pieces{{"low", 0.10}, {"est", 0.08}, {"lo", 0.03}, {"west", 0.02},
                                                           {"we", 0.03},  {"st", 0.04},  {"l", 0.01},  {"o", 0.01},
                                                           {"w", 0.01},   {"e", 0.02},   {"s", 0.01},  {"t", 0.01}};
  nlohmann::json vocabulary = nlohmann::json::array({{"<unk>", -20.0}});
  for (const auto& [piece, probability] : pieces) vocabulary.push_back({piece, std::log(probability)});
  const TemporaryDirectory directory;
  directory.write("tokenizer.json",
                  nlohmann::json{{"version", "1.0"}, {"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocabulary}}}}.dump());
  const std::vector<std::string> best = tokens_of(Tokenizer::load(directory.path() / "tokenizer.json"), "lowest", false);

  using Choice = std::pair<double, std::vector<std::string>>;
  std::vector<Choice> open{{1.0, {}}}, all;
  const std::string word = "lowest";
  while (!open.empty()) {
    const auto [probability, parts] = open.back();
    open.pop_back();
    size_t done = 0;
    for (const std::string& part : parts) done += part.size();
    if (done == word.size()) all.push_back({probability, parts});
    for (const auto& [piece, share] : pieces) {
      if (word.compare(done, piece.size(), piece) != 0 || done == word.size()) continue;
      std::vector<std::string> longer = parts;
      longer.push_back(piece);
      open.push_back({probability * share, longer});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Choice& a, const Choice& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  QKV_CHECK(all.front().second == best, "[unigram_choices] the tokenizer chooses {}", joined(best, " "));
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < std::min<size_t>(all.size(), 5); ++i)
    rows.push_back({joined(all[i].second, " · "), fmt::format("{:.2g}", all[i].first)});
  return html_table({text.label("pieces"), text.label("probability")}, rows, 0);
}

}  // namespace qkv::lab
