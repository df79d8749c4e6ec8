// train_and_translate DIR: trains a small model that spells digits ("3 1 4" -> "three one four") from files it makes, writes it to DIR and
// translates with it.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include <qkv/error.h>
#include <qkv/trainer.h>
#include <qkv/translator.h>

namespace {

void write_corpus(const std::filesystem::path& digits, const std::filesystem::path& words, int lines, unsigned seed) {
  const char* const kWords[] = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
  std::ofstream source(digits), target(words);
  std::mt19937 random(seed);
  for (int i = 0; i < lines; ++i) {
    const int length = 1 + static_cast<int>(random() % 5);
    for (int j = 0; j < length; ++j) {
      const unsigned digit = random() % 10;
      source << (j ? " " : "") << digit;
      target << (j ? " " : "") << kWords[digit];
    }
    source << "\n";
    target << "\n";
  }
}

int run(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory.parent_path());
  const std::string data = directory.string() + "-data-";
  write_corpus(data + "train.digits", data + "train.words", 2000, 1);
  write_corpus(data + "valid.digits", data + "valid.words", 50, 2);

  qkv::TrainOptions options;
  qkv::apply_preset(options, "tiny");
  options.source = data + "train.digits";
  options.target = data + "train.words";
  options.valid_source = data + "valid.digits";
  options.valid_target = data + "valid.words";
  options.output = directory;
  options.overwrite = true;
  options.encoder_layers = options.decoder_layers = 1;
  options.vocab_size_limit = 60;
  options.batch_tokens = 1024;
  options.warmup_steps = 50;
  options.max_steps = 150;
  options.validate_every = 50;

  qkv::TrainCallbacks callbacks;
  callbacks.on_validation = [](const qkv::TrainValidation& validation) {
    std::printf("step %lld: loss %.3f, BLEU %.1f\n", static_cast<long long>(validation.step), validation.loss, validation.bleu.value_or(0));
  };
  qkv::train(options, callbacks);

  const qkv::Translator translator = qkv::Translator::open(directory);
  std::printf("3 1 4 -> %s\n", translator.translate("3 1 4").c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: train_and_translate DIR\n");
    return 2;
  }
  try {
    return run(std::filesystem::absolute(argv[1]));
  } catch (const qkv::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
