// train_tokenizer DIR FILE...: trains a byte pair encoding with 300 tokens on text files, writes it to DIR, and prints how well it fits the
// files. Ctrl-C ends it early: the signal handler cancels a token.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <qkv/cancellation.h>
#include <qkv/error.h>
#include <qkv/tokenizer_statistics.h>
#include <qkv/tokenizer_trainer.h>

namespace {

qkv::CancellationToken cancellation;

extern "C" void on_interrupt(int) { cancellation.cancel(); }

int run(const std::filesystem::path& directory, const std::vector<std::filesystem::path>& files) {
  std::signal(SIGINT, on_interrupt);
  const qkv::Tokenizer tokenizer =
      qkv::train_tokenizer({.vocab_size = 300, .vocab_size_is_upper_bound = true, .cancellation = &cancellation}, files);
  tokenizer.save(directory);
  const std::string_view line = "ein haus am see";
  const qkv::TokenizerStatistics statistics = qkv::measure_tokenizer(tokenizer, std::span(&line, 1));
  std::printf("%d tokens; \"%s\": %.2f tokens per word\n", tokenizer.vocab_size(), std::string(line).c_str(), statistics.tokens_per_word());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: train_tokenizer DIR FILE...\n");
    return 2;
  }
  try {
    return run(argv[1], {argv + 2, argv + argc});
  } catch (const qkv::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
