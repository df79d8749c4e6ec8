// train_and_generate DIR: trains a small language model on a counting rhyme from a file it makes, writes it to DIR and continues "one, two,
// ", printing each piece of text immediately.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <qkv/error.h>
#include <qkv/generator.h>
#include <qkv/trainer.h>

namespace {

int run(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory.parent_path());
  const std::string text = directory.string() + "-text";
  {
    std::ofstream file(text);
    for (int i = 0; i < 200; ++i) file << "one, two, buckle my shoe; three, four, open the door;\n";
  }

  qkv::TrainOptions options;
  qkv::apply_preset(options, "char-gpt");
  options.text = text;
  options.output = directory;
  options.overwrite = true;
  options.context = 32;
  options.decoder_layers = 2;
  options.hidden_size = 64;
  options.ffn_dim = 256;
  options.num_attention_heads = 4;
  options.batch_tokens = 512;
  options.dropout = 0;
  options.learning_rate = 3e-3;
  options.warmup_steps = 10;
  options.ema_decay = 0;  // too few steps for an average
  options.max_steps = options.validate_every = 400;

  qkv::TrainCallbacks callbacks;
  callbacks.on_validation = [](const qkv::TrainValidation& validation) {
    std::printf("step %lld: loss %.3f\n", static_cast<long long>(validation.step), validation.loss);
  };
  qkv::train(options, callbacks);

  const qkv::Generator generator = qkv::Generator::open(directory);
  std::printf("one, two, ");
  generator.generate("one, two, ", {.max_new_tokens = 40, .temperature = 0}, [](std::string_view piece) {
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  });
  std::printf("\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: train_and_generate DIR\n");
    return 2;
  }
  try {
    return run(std::filesystem::absolute(argv[1]));
  } catch (const qkv::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
