// Trainings on texts from several files, pipes, packed files and tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/packed_test_data.h"
#include "base/temporary_directory.h"
#include "models/model.h"
#include "qkv/trainer.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Corpora : public testing::Test {
 protected:
  Corpora() {
    const char* words[2][4] = {{"one", "two", "three", "four"}, {"eins", "zwei", "drei", "vier"}};
    for (int i = 0; i < 64; ++i) {
      for (const int side : {0, 1}) {
        for (int part = i, j = 0; j < 3; ++j, part /= 4) sides_[side] += fmt::format("{}{}", j ? " " : "", words[side][part % 4]);
        sides_[side] += '\n';
      }
    }
    for (const int side : {0, 1}) {
      root_.write(side ? "train.de" : "train.en", sides_[side]);
      size_t end = 0;
      for (int line = 0; line < 5; ++line) end = sides_[side].find('\n', end) + 1;
      root_.write(side ? "valid.de" : "valid.en", sides_[side].substr(0, end));
    }
  }

  TrainOptions options(const std::string& output) const {
    TrainOptions o;
    o.source = root_ / "train.en";
    o.target = root_ / "train.de";
    o.valid_source = root_ / "valid.en";
    o.valid_target = root_ / "valid.de";
    return small(o, output);
  }
  TrainOptions small(TrainOptions o, const std::string& output) const {
    o.output = root_ / output;
    o.encoder_layers = o.decoder_layers = 1;
    o.hidden_size = 16;
    o.num_attention_heads = 2;
    o.ffn_dim = 24;
    o.dtype = TrainPrecision::f32;
    o.max_length = 32;
    o.context = 16;
    o.batch_tokens = 96;
    o.warmup_steps = 1;
    o.max_steps = 4;
    o.validate_every = 2;
    o.save_every = 2;
    o.tensorboard = false;
    return o;
  }
  // Trains while a pipe of that name gives the content.
  TrainResult train_with_pipe(const TrainOptions& o, const std::string& content) {
    const fs::path pipe = root_ / "pipe";
    fs::remove(pipe);
    EXPECT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const std::jthread writer([&] { write_file_atomically(pipe, content); });
    return train(o);
  }
  std::string weights(const std::string& output) const { return read_file(root_ / output / "model.safetensors"); }
  static std::string message(const std::function<void()>& body, ErrorCode code = ErrorCode::bad_input) {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory root_;
  std::string sides_[2];
};

TEST_F(Corpora, PackedPipedAndPartedTextsGiveTheSameModel) {
  train(options("plain"));
  TrainOptions o = options("packed");
  o.source = root_.write("en.gz", gzip(sides_[0]));
  o.target = root_.write("de.zst", zstd(sides_[1]));
  train(o);
  EXPECT_EQ(weights("packed"), weights("plain"));
  EXPECT_FALSE(fs::exists(root_ / "packed/cache"));

  o = options("parted");
  const auto parts = [&](int side) {
    size_t cut = 0;
    for (int line = 0; line < 20; ++line) cut = sides_[side].find('\n', cut) + 1;
    const std::string name = side ? "de" : "en";
    return TextFiles{root_.write(name + ".1", sides_[side].substr(0, cut - 1)),
                     root_.write(name + ".2.gz", gzip(sides_[side].substr(cut)))};
  };
  o.source = parts(0);
  o.target = parts(1);
  train(o);
  EXPECT_EQ(weights("parted"), weights("plain"));

  o = options("piped");
  o.source = root_ / "pipe";
  train_with_pipe(o, sides_[0]);
  EXPECT_EQ(weights("piped"), weights("plain"));
}

TEST_F(Corpora, ResumingFindsWhatCameThroughAPipeAndRefusesAnother) {
  TrainOptions o = options("piped");
  o.source = root_ / "pipe";
  train_with_pipe(o, gzip(sides_[0]));
  EXPECT_EQ(read_file(root_ / "piped/cache/source.text"), sides_[0]);
  o.resume = true;
  o.max_steps = 6;
  EXPECT_EQ(train_with_pipe(o, "").step, 6) << "the pipe has nothing more to give";
  o.max_steps = 8;
  std::string other = sides_[0];
  other.replace(0, 3, "six");
  EXPECT_EQ(message([&] { train_with_pipe(o, other); }, ErrorCode::invalid_argument),
            "the training text is not the one that this training began with; resume it with the same files, or start anew with overwrite");
  EXPECT_EQ(train_with_pipe(o, sides_[0]).step, 8) << "what was kept is still there";
  write_file_atomically(root_ / "piped/cache/source.text", other);
  o.max_steps = 10;
  EXPECT_THAT(message([&] { train_with_pipe(o, ""); }, ErrorCode::invalid_argument), HasSubstr("the training text is not the one"));

  TrainOptions whole = options("whole");
  whole.max_steps = 8;
  train(whole);
  EXPECT_EQ(weights("piped"), weights("whole"));
}

TEST_F(Corpora, BadFilesAreNamedAndLeaveNothing) {
  fs::create_directory(root_ / "empty");
  const auto error = [&](const std::function<void(TrainOptions&)>& change) {
    TrainOptions o = options("empty");
    change(o);
    const std::string found = message([&] { train(o); });
    EXPECT_TRUE(fs::is_empty(root_ / "empty"));
    return found;
  };
  const fs::path cut = root_.write("cut.gz", gzip(sides_[0]).substr(0, 90));
  EXPECT_THAT(error([&](auto& o) { o.source = cut; }), HasSubstr("cut.gz was cut"));
  EXPECT_THAT(error([&](auto& o) { o.target = TextFiles{root_ / "train.de", root_.write("none", "")}; }), HasSubstr("none is empty"));
  // Two files whose lines add up to the other side's, but not one by one.
  EXPECT_THAT(error([&](auto& o) {
                o.source = {root_.write("a", "one\ntwo\n"), root_.write("b", "three\n")};
                o.target = {root_.write("c", "eins\n"), root_.write("d", "zwei\ndrei\n")};
              }),
              AllOf(HasSubstr("c has 1 lines"), HasSubstr("a has 2")));
  EXPECT_THAT(error([&](auto& o) {
                o.source = {root_ / "train.en", root_.write("bad", "good\nb\xff\n")}, o.target = {root_ / "train.de", root_ / "a"};
              }),
              HasSubstr("bad"));
}

TEST_F(Corpora, ColumnsOfATableAreTheTexts) {
  train(options("plain"));
  std::string csv = "id,German,English\n", json;
  for (size_t a = 0, b = 0, i = 0; a < sides_[0].size(); ++i) {
    const size_t end = sides_[0].find('\n', a), other = sides_[1].find('\n', b);
    const std::string en = sides_[0].substr(a, end - a), de = sides_[1].substr(b, other - b);
    csv += fmt::format("{},\"{}\",{}\n", i, de, en);
    json += fmt::format("{{\"translation\": {{\"en\": \"{}\", \"de\": \"{}\"}}}}\n", en, de);
    a = end + 1;
    b = other + 1;
  }
  TrainOptions o = options("json");
  o.source = o.target = root_.write("pairs.jsonl.gz", gzip(json));
  o.source_column = "translation.en";
  o.target_column = "translation.de";
  o.valid_source.clear();
  o.valid_target.clear();
  o.valid_split = 6;
  train(o);
  o.output = root_ / "csv";
  o.source = o.target = root_.write("pairs.csv", csv);
  o.source_column = "English";
  o.target_column = "German";
  train(o);
  EXPECT_EQ(weights("json"), weights("csv"));
  o.output = root_ / "again";
  o.target_column = "Dutch";
  EXPECT_THAT(message([&] { train(o); }),
              HasSubstr("pairs.csv: line 1 has no column \"Dutch\"; its columns are \"id\", \"German\", \"English\""));
}

TEST_F(Corpora, HeldOutPairsAreResumedWithTheSameNumberOnly) {
  TrainOptions o = options("model");
  o.valid_source.clear();
  o.valid_target.clear();
  o.valid_split = 8;
  train(o);
  o.resume = true;
  o.max_steps = 6;
  o.valid_split = 9;
  EXPECT_THAT(message([&] { train(o); }, ErrorCode::invalid_argument), HasSubstr("valid_split is 9, but this training began with 8"));
  o.valid_split = 8;
  EXPECT_EQ(train(o).step, 6);
}

TEST_F(Corpora, LanguageModelsReadColumnsAndFilesAsDocuments) {
  TrainOptions lm;
  apply_preset(lm, "char-gpt");
  lm = small(lm, "lm");
  lm.vocabulary = TextVocabulary::bpe;
  lm.vocab_size_limit = 300;
  lm.document_separator = "\n\n";
  std::string text, json;
  for (int i = 0; i < 20; ++i) {
    text += fmt::format("document {}\nof words\n\n", i);
    json += fmt::format("{{\"text\": \"document {}\\nof words\"}}\n", i);
  }
  lm.text = TextFiles{root_.write("a.txt", text), root_.write("b.txt", text)};
  train(lm);
  lm.output = root_ / "lm-json";
  lm.text = TextFiles{root_.write("a.jsonl", json), root_.write("b.jsonl.zst", zstd(json))};
  lm.text_column = "text";
  train(lm);
  EXPECT_EQ(weights("lm-json"), weights("lm"));
}

TEST_F(Corpora, ClassifiersReadTablesAndHoldTextsOut) {
  TrainOptions o;
  apply_preset(o, "classifier");
  o = small(o, "tsv");
  std::string tsv, csv = "stars;review\n";
  for (int i = 0; i < 64; ++i) {
    tsv += fmt::format("the film {} is {}\t{}\n", i, i % 2 ? "good" : "bad", i % 2);
    csv += fmt::format("{};\"the film {} is {}\"\n", i % 2, i, i % 2 ? "good" : "bad");
  }
  o.train_file = root_.write("train.tsv", tsv);
  o.valid_split = 10;
  train(o);
  o.output = root_ / "csv";
  o.train_file = root_.write("train.csv", csv);
  o.text_column = "review";
  o.label_column = "stars";
  train(o);
  EXPECT_EQ(weights("tsv"), weights("csv"));
  EXPECT_EQ(load_model(root_ / "csv")->labels, (std::vector<std::string>{"0", "1"}));
  o.resume = true;
  o.max_steps = 6;
  o.label_column = "review";
  EXPECT_THAT(message([&] { train(o); }, ErrorCode::invalid_argument),
              HasSubstr("the training file is not the one that this training began"));
}

}  // namespace
}  // namespace qkv
