#include "base/suggestion.h"

#include <gtest/gtest.h>

#include <vector>

namespace qkv {
namespace {

TEST(Suggestion, MistypedWordFindsTheNearest) {
  const std::vector<std::string> commands = {"train", "translate", "eval", "tokenizer"};
  EXPECT_EQ(nearest_word("trian", commands), "train");
  EXPECT_EQ(nearest_word("translat", commands), "translate");
  EXPECT_EQ(nearest_word("evla", commands), "eval");
}

TEST(Suggestion, BeginningOfAnOptionAndPartsOfItFindTheShortest) {
  const std::vector<std::string> options = {"--help",      "--temperature", "--valid-beam-size", "--beam-size",  "--max-epochs",
                                            "--max-steps", "--min-lr",      "--warmup-steps",    "--vocab-size", "--threads"};
  EXPECT_EQ(nearest_word("--temp", options), "--temperature");
  EXPECT_EQ(nearest_word("--beam", options), "--beam-size");
  EXPECT_EQ(nearest_word("--epochs", options), "--max-epochs");
  EXPECT_EQ(nearest_word("--warmup", options), "--warmup-steps");
  EXPECT_EQ(nearest_word("--vocab_sise", options), "--vocab-size");
  EXPECT_EQ(nearest_word("--xyz", options), "");
}

TEST(Suggestion, NamesOfOtherProgramsFindOurs) {
  const std::vector<std::string> options = {
      "--lr",     "--threads", "--batch-tokens",       "--source", "--num-attention-heads", "--validate-every", "--max-steps",
      "--layers", "--ffn-dim", "--num-key-value-heads"};
  EXPECT_EQ(nearest_word("clm", std::vector<std::string>{"translation", "lm", "mlm"}), "lm");
  EXPECT_EQ(nearest_word("info", std::vector<std::string>{"train", "inspect"}), "inspect");
  EXPECT_EQ(nearest_word("--learning-rate", options), "--lr");
  EXPECT_EQ(nearest_word("learning_rate", options), "--lr");
  EXPECT_EQ(nearest_word("--batch-size", options), "--batch-tokens");
  EXPECT_EQ(nearest_word("--src", options), "--source");
  EXPECT_EQ(nearest_word("--heads", options), "--num-attention-heads");
  EXPECT_EQ(nearest_word("--eval-steps", options), "--validate-every");
  EXPECT_EQ(nearest_word("--num_layers", options), "--layers");
  EXPECT_EQ(nearest_word("--max-update", options), "--max-steps");
  EXPECT_EQ(nearest_word("--mini-batch-words", options), "--batch-tokens");
  EXPECT_EQ(nearest_word("--enc-depth", std::vector<std::string>{"--layers", "--encoder-layers"}), "--encoder-layers");
  const std::vector<std::string> of_generate = {"--max-new-tokens", "--model", "--temperature", "--top-k", "--num-samples"};
  EXPECT_EQ(nearest_word("--max-tokens", of_generate), "--max-new-tokens");
  EXPECT_EQ(nearest_word("--n-predict", of_generate), "--max-new-tokens");
  EXPECT_EQ(nearest_word("--temp", of_generate), "--temperature");
  EXPECT_EQ(nearest_word("--sampling-topk", of_generate), "--top-k");
  EXPECT_EQ(nearest_word("--num-return-sequences", of_generate), "--num-samples");
}

TEST(Suggestion, SomethingElseFindsNothing) {
  const std::vector<std::string> commands = {"train", "translate", "eval", "tokenizer"};
  EXPECT_EQ(nearest_word("zzzzzz", commands), "");
  EXPECT_EQ(nearest_word(std::string(100'000, 'x'), commands), "");
  EXPECT_EQ(nearest_word("train", {}), "");
}

}  // namespace
}  // namespace qkv
