#include "text/training/tokenizer_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "base/parallel.h"
#include "text/files/test_files.h"
#include "text/training/trained_pipeline.h"

namespace qkv {
namespace {

using testing::HasSubstr;

std::string trained_json(const TokenizerTrainerOptions& options, const std::vector<std::filesystem::path>& files) {
  const TemporaryDirectory directory;
  train_tokenizer(options, files).save(directory.path());
  return read_file(directory.path() / "tokenizer.json");
}

TEST(TrainTokenizer, WritesTheVeryFileThatTokenizersWrites) {
  EXPECT_EQ(trained_json({.vocab_size = 400}, {golden_path("corpus.txt")}), read_file(golden_path("trained.json")));
}

// The text that `tokenizers` writes for some vocabulary, and that vocabulary.
TEST(TrainedTokenizerJson, OfWordPiecesAndUnigramIsTheTextThatTokenizersWrites) {
  for (const auto& [name, pipeline, special] : {std::tuple{"word_pieces", TokenizerPipeline::word_pieces, 5},
                                                {"unigram", TokenizerPipeline::unigram, 3},
                                                {"unigram_bytes", TokenizerPipeline::unigram, 3}}) {
    const auto example = nlohmann::ordered_json::parse(read_file(golden_path(fmt::format("written/{}.json", name))));
    TrainedVocabulary trained{.tokens = example["tokens"].get<std::vector<std::string>>(), .special_tokens = static_cast<size_t>(special)};
    if (example.contains("scores")) trained.scores = example["scores"].get<std::vector<double>>();
    trained.byte_fallback = trained.tokens.size() > 256;
    EXPECT_EQ(trained_tokenizer_json(pipeline, trained), example["tokenizer"].dump(2)) << name;
  }
}

nlohmann::json model_of(const TokenizerTrainerOptions& options, const std::vector<std::string>& lines) {
  return nlohmann::json::parse(train_tokenizer_json(options, std::span(lines)))["model"];
}

TEST(TrainTokenizer, OfWordsWritesTheVeryFileThatTokenizersWrites) {
  const std::vector<TextPart> parts{{golden_path("corpus.txt")}};
  EXPECT_EQ(train_tokenizer_json({.pipeline = TokenizerPipeline::words, .vocab_size = 60}, parts), read_file(golden_path("words.json")));
}

TEST(TrainTokenizer, OfWordPiecesHasTheScoreThatIsAskedFor) {
  const std::vector<std::string> lines = read_lines(golden_path("corpus.txt"));
  std::set<nlohmann::json> vocabularies;
  for (const WordPieceScore score : {WordPieceScore::likelihood, WordPieceScore::gain, WordPieceScore::frequency}) {
    const nlohmann::json model = model_of({.pipeline = TokenizerPipeline::word_pieces, .vocab_size = 380, .score = score}, lines);
    EXPECT_EQ(model["vocab"].size(), 380u);
    EXPECT_EQ(model["vocab"]["[MASK]"], 4);
    vocabularies.insert(model["vocab"]);
  }
  EXPECT_EQ(vocabularies.size(), 3u);
}

TEST(TrainTokenizer, OfUnigramHasSpecialTokensBytesAndPieces) {
  const std::vector<std::string> lines = read_lines(golden_path("corpus.txt"));
  TokenizerTrainerOptions options{.pipeline = TokenizerPipeline::unigram, .vocab_size = 480, .special_tokens = {"Mann"}};
  options.byte_fallback = true;
  const nlohmann::json model = model_of(options, lines);
  const auto& vocabulary = model["vocab"];
  EXPECT_EQ(vocabulary.size(), 480u);
  EXPECT_EQ(vocabulary[1][0], "<unk>");
  EXPECT_EQ(vocabulary[3][0], "Mann");
  EXPECT_EQ(vocabulary[4][0], "<0x00>");
  EXPECT_EQ(vocabulary[259][0], "<0xFF>");
  EXPECT_LT(vocabulary[260][1].get<double>(), 0.0);
  EXPECT_TRUE(model["byte_fallback"].get<bool>());
  std::set<std::string> different;
  for (const auto& entry : vocabulary) different.insert(entry[0].get<std::string>());
  EXPECT_EQ(different.size(), 480u);
}

TEST(TrainTokenizer, CharactersAreKeptByCoverageAndByName) {
  const std::vector<std::string> lines(10, "aaaa aaaa bb c");
  TokenizerTrainerOptions options{.vocab_size_is_upper_bound = true, .character_coverage = 0.9, .initial_alphabet = "zé"};
  const nlohmann::json vocabulary = model_of(options, lines)["vocab"];
  for (const char* token : {"z", "é", "▁", "a", "b"}) EXPECT_TRUE(vocabulary.contains(token)) << token;
  EXPECT_FALSE(vocabulary.contains("c"));
}

TEST(TrainTokenizer, ResultDependsNeitherOnThreadsNorOnHowTheTextIsPartedIntoFiles) {
  const TemporaryDirectory directory;
  const std::vector<std::string> lines = read_lines(golden_path("corpus.txt"));
  std::string first, second;
  for (size_t i = 0; i < lines.size(); ++i) (i % 3 ? second : first) += lines[i] + "\n";
  const std::vector<std::filesystem::path> files{directory.write("first", first), directory.write("second", second)};
  const int threads = num_threads();
  for (const int count : {1, 3}) {
    set_num_threads(count);
    EXPECT_EQ(trained_json({.vocab_size = 400}, files), read_file(golden_path("trained.json"))) << count << " threads";
  }
  set_num_threads(threads);
}

TEST(TrainTokenizer, OnMulti30kTokenizerAndIdsEqualThoseOfTokenizers) {
  const std::filesystem::path data = test_data("multi30k");
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "NOT TESTED: " << data << " is not there; QKV_DATA names the folder with the data";
  const nlohmann::json expected = golden("multi30k.json");
  const std::vector<std::filesystem::path> files{data / "train.en", data / "train.de"};
  const TemporaryDirectory directory;
  train_tokenizer({.vocab_size = 8000}, files).save(directory.path());
  EXPECT_EQ(hash_of(read_file(directory.path() / "tokenizer.json")), expected["tokenizer"]);
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  for (const auto& [name, hash] : expected["ids"].items()) {
    std::string all;
    for (const std::string& line : read_lines(data / name)) {
      const std::vector<int32_t> ids = tokenizer.encode(line);
      all += fmt::format("{}\n", fmt::join(ids, " "));
    }
    EXPECT_EQ(hash_of(all), hash) << name;
  }
}

TEST(TrainTokenizer, DecodingGivesBackEveryNormalizedText) {
  const std::vector<std::string> lines = read_lines(golden_path("corpus.txt"));
  const Tokenizer tokenizer = train_tokenizer({.vocab_size = 500, .vocab_size_is_upper_bound = true}, lines);
  for (const std::string text : {"the Mann, (über) \"для\" — no.", "water!?  ", " (das)", "\t"}) {
    std::string normalized = text;  // single spaces, none at the ends, no characters that are not in the corpus
    while (!normalized.empty() && (normalized.back() == ' ' || normalized.back() == '\t')) normalized.pop_back();
    if (normalized.starts_with(' ')) normalized.erase(0, 1);
    const std::vector<int32_t> ids = tokenizer.encode(text);
    EXPECT_EQ(ids.back(), 0) << "</s>";
    if (std::find(ids.begin(), ids.end(), 1) == ids.end()) {
      EXPECT_EQ(tokenizer.decode(ids), normalized);
    }
  }
  for (const std::string& line : lines) {
    const std::string once = tokenizer.decode(tokenizer.encode(line));
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(once)), once);
  }
}

std::string golden_tokenizer_text(const std::string& pipeline) {
  return nlohmann::ordered_json::parse(read_file(golden_path("pipelines/" + pipeline + ".json")))["tokenizer"].dump(2);
}

TEST(TrainTokenizer, OfPlainTextWritesTheVeryFilesThatTokenizersWrites) {
  const std::vector<std::filesystem::path> files{golden_path("text.txt")};
  EXPECT_EQ(trained_json({.pipeline = TokenizerPipeline::byte_pairs, .vocab_size = 600}, files), golden_tokenizer_text("byte_pairs"));
  EXPECT_EQ(trained_json({.pipeline = TokenizerPipeline::bytes}, files), golden_tokenizer_text("bytes"));
  EXPECT_EQ(trained_json({.pipeline = TokenizerPipeline::characters}, files), golden_tokenizer_text("characters"));
}

TEST(TrainTokenizer, PlainTextComesBackAsItWas) {
  const std::vector<std::string> texts{read_file(golden_path("text.txt"))};
  for (const TokenizerPipeline pipeline : {TokenizerPipeline::byte_pairs, TokenizerPipeline::bytes, TokenizerPipeline::characters}) {
    const Tokenizer tokenizer = train_tokenizer({.pipeline = pipeline, .vocab_size = 500}, texts);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(texts[0])), texts[0]);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(" \n\n\t  the\n ")), " \n\n\t  the\n ");
    EXPECT_EQ(tokenizer.token_to_id("<|endoftext|>"), 0);
    EXPECT_TRUE(tokenizer.is_special(0));
    if (pipeline != TokenizerPipeline::characters) {
      EXPECT_EQ(tokenizer.decode(tokenizer.encode("unseen \u4EAC\U0001F40C\r")), "unseen \u4EAC\U0001F40C\r");
    }
  }
}

TEST(TrainTokenizer, ALongTextGivesTheTokensOfTheWholeOnAnyNumberOfThreads) {
  const std::string text = read_file(golden_path("text.txt"));
  std::string long_text;
  while (long_text.size() < (size_t{5} << 20)) long_text += text;
  const TemporaryDirectory directory;
  const TokenizerTrainerOptions options{.pipeline = TokenizerPipeline::byte_pairs, .vocab_size = 500};
  const std::vector<std::string> whole{long_text};
  train_tokenizer(options, whole).save(directory / "whole");  // a string is counted in one piece
  const std::vector<std::filesystem::path> files{directory.write("text", long_text)};
  const int threads = num_threads();
  for (const int count : {1, 3}) {
    set_num_threads(count);
    EXPECT_EQ(trained_json(options, files), read_file(directory / "whole/tokenizer.json")) << count << " threads";
  }
  set_num_threads(threads);
}

TEST(TrainTokenizer, SeparatorsOfDocumentsAndWhatLiesOutsideOfThePartAreNotLearnt) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.write("text", "XXXXone two\n<doc>one two\n<doc>one twoYYYY");
  const std::vector<TextPart> parts{{path, 4, 37}};
  TokenizerTrainerOptions options{.pipeline = TokenizerPipeline::characters, .document_separator = "<doc>"};
  const Tokenizer tokenizer = train_tokenizer(options, parts);
  EXPECT_EQ(tokenizer.vocab_size(), 2 + 7) << "newline, space, e, n, o, t, w";
  options.pipeline = TokenizerPipeline::byte_pairs;
  options.vocab_size_is_upper_bound = true;
  EXPECT_EQ(train_tokenizer(options, parts).token_to_id("doc"), -1);
}

TEST(TrainTokenizer, SpecialTokensHaveFixedIdsAndFurtherOnesFollow) {
  const std::vector<std::string> lines(3, "a text with </s> and >>de<< in it");
  const Tokenizer tokenizer = train_tokenizer({.vocab_size_is_upper_bound = true, .special_tokens = {">>de<<", ">>fr<<"}}, lines);
  EXPECT_EQ(tokenizer.token_to_id("</s>"), 0);
  EXPECT_EQ(tokenizer.token_to_id("<unk>"), 1);
  EXPECT_EQ(tokenizer.token_to_id("<pad>"), 2);
  EXPECT_EQ(tokenizer.token_to_id(">>de<<"), 3);
  EXPECT_EQ(tokenizer.token_to_id(">>fr<<"), 4);
  EXPECT_EQ(tokenizer.encode(">>de<< a").front(), 3);
  EXPECT_EQ(tokenizer.encode("unseen: 京").end()[-2], 1);
}

TEST(TrainTokenizer, AVocabularyThatTheTextCannotFillIsAnErrorUnlessItIsABound) {
  const std::vector<std::string> lines{"ab ab ab", "abc abc"};
  // </s> <unk> <pad>, a b c ▁, and the merges ab, ▁ab, ▁abc
  ErrorCode code{};
  EXPECT_THAT(error_of([&] { train_tokenizer({.vocab_size = 11}, lines); }, &code),
              HasSubstr("the text yields 10 tokens at most (of what occurs 2 times or more), not 11"));
  EXPECT_EQ(code, ErrorCode::bad_input);
  EXPECT_EQ(train_tokenizer({.vocab_size = 10}, lines).vocab_size(), 10);
  EXPECT_EQ(train_tokenizer({.vocab_size = 8000, .vocab_size_is_upper_bound = true}, lines).vocab_size(), 10);
  EXPECT_EQ(train_tokenizer({}, lines).vocab_size(), 10) << "the default is a bound";
}

// The size that the error names is reached, and is the largest.
TEST(TrainTokenizer, TheErrorSaysTheLargestPossibleVocabulary) {
  const std::vector<std::string> lines = read_lines(golden_path("corpus.txt"));
  for (const TokenizerPipeline pipeline : {TokenizerPipeline::sentences, TokenizerPipeline::unigram, TokenizerPipeline::words,
                                           TokenizerPipeline::word_pieces, TokenizerPipeline::byte_pairs}) {
    SCOPED_TRACE(static_cast<int>(pipeline));
    const std::string message = error_of([&] { train_tokenizer({.pipeline = pipeline, .vocab_size = 1 << 20}, lines); });
    ASSERT_THAT(message, testing::StartsWith("the text yields "));
    const int64_t largest = std::stoll(message.substr(16));
    EXPECT_EQ(train_tokenizer({.pipeline = pipeline, .vocab_size = largest}, lines).vocab_size(), largest);
    EXPECT_THAT(error_of([&] { train_tokenizer({.pipeline = pipeline, .vocab_size = largest + 1}, lines); }),
                HasSubstr(fmt::format("yields {} tokens at most", largest)));
  }
}

TEST(TrainTokenizer, BadOptionsAndTextsAreOneLineEach) {
  const std::vector<std::string> lines{"some text", "some text"};
  const auto message = [&](TokenizerTrainerOptions options) { return error_of([&] { train_tokenizer(options, lines); }); };
  EXPECT_THAT(message({.vocab_size = 0}), HasSubstr("a vocabulary size of 0 cannot be"));
  EXPECT_THAT(message({.vocab_size = int64_t{1} << 40}), HasSubstr("cannot be"));
  EXPECT_THAT(message({.vocab_size = 5, .vocab_size_is_upper_bound = true}), HasSubstr("too small: the text has 7 different characters"));
  EXPECT_THAT(message({.limit_alphabet = 0}), HasSubstr("an alphabet of 0 characters"));
  EXPECT_THAT(message({.special_tokens = {"<pad>"}}), HasSubstr("\"<pad>\" is named twice"));
  EXPECT_THAT(message({.character_coverage = 1.5}), HasSubstr("a character coverage of 1.5"));
  EXPECT_THAT(message({.byte_fallback = true}), HasSubstr("for Unigram only"));
  EXPECT_THAT(message({.memory = 1000}), HasSubstr("1000 bytes of memory are too few"));
  EXPECT_THAT(message({.special_tokens = {""}}), HasSubstr("special token must be text"));
  const std::vector<std::string> empty{"", " \t "};
  EXPECT_THAT(error_of([&] { train_tokenizer({}, empty); }), HasSubstr("no text to train a tokenizer on"));
  const TemporaryDirectory directory;
  const std::vector<std::filesystem::path> blank{directory.write("a.en", ""), directory.write("b.de", "\n \n")};
  EXPECT_THAT(error_of([&] { train_tokenizer({}, blank); }), testing::AllOf(HasSubstr("a.en"), HasSubstr("b.de"), HasSubstr("no text")));
  const std::vector<std::string> invalid{"fine", "\xFF"};
  EXPECT_THAT(error_of([&] { train_tokenizer({}, invalid); }), HasSubstr("line 2 is not valid UTF-8"));
}

}  // namespace
}  // namespace qkv
