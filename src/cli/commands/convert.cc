// qkv convert: writes a model as a Hugging Face directory or a GGUF file.
#include <charconv>

#include "base/option_error.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "qkv/convert.h"

namespace qkv {
namespace {

// "5GB", "500MB", "1000": a number of bytes; the units are powers of 1000, as in transformers.
int64_t bytes_of(const std::string& text) {
  constexpr std::pair<std::string_view, int64_t> kUnits[] = {{"GB", 1'000'000'000}, {"MB", 1'000'000}, {"KB", 1'000}, {"", 1}};
  for (const auto& [unit, factor] : kUnits) {
    if (!text.ends_with(unit)) continue;
    int64_t number = 0;
    const char* end = text.data() + text.size() - unit.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    int64_t bytes = 0;
    if (error != std::errc() || stop != end || number < 1 || __builtin_mul_overflow(number, factor, &bytes)) break;
    return bytes;
  }
  throw CLI::ValidationError("--max-shard-size", fmt::format("\"{}\" is no size; write 5GB, 500MB or a number of bytes", text));
}

WeightType type_of(const std::string& name) {
  if (name == "f32") return WeightType::f32;
  if (name == "bf16") return WeightType::bf16;
  if (name == "f16") return WeightType::f16;
  if (name == "q8_0") return WeightType::q8_0;
  return name == "q4_0" ? WeightType::q4_0 : WeightType::file;
}

}  // namespace

void add_convert_command(CLI::App& app) {
  struct Arguments {
    std::string from, to, dtype = "file", size = "5GB";
    ConvertOptions options;
  };
  CLI::App* command =
      app.add_subcommand("convert", "Write a model in other files: a Hugging Face directory with safetensors, or a GGUF file");
  auto arguments = std::make_shared<Arguments>();
  command
      ->add_option("FROM", arguments->from,
                   "Model: a directory with safetensors or pytorch_model.bin, one of Marian (decoder.yml, .npz), a file in it, a "
                   "GGUF file, or a model's folder in the Hub's cache")
      ->required();
  command->add_option("TO", arguments->to, "New directory, or new file if the name ends in .gguf")->required();
  command
      ->add_option("--dtype", arguments->dtype,
                   "Type of the weights; file: bf16 or f16 if they have that type, else f32. q8_0 and q4_0 are for GGUF")
      ->check(CLI::IsMember({"file", "f32", "bf16", "f16", "q8_0", "q4_0"}))
      ->type_name("file|f32|bf16|f16|q8_0|q4_0")
      ->default_str("file");
  command->add_option("--max-shard-size", arguments->size, "Divide the weights into files of at most this size")
      ->type_name("SIZE")
      ->default_str("5GB");
  command->footer("Example: qkv convert opus-mt-en-de my-model --dtype bf16\nExample: qkv convert my-model model.gguf --dtype q8_0");
  command->callback([arguments] {
    arguments->options.dtype = type_of(arguments->dtype);
    arguments->options.max_shard_bytes = bytes_of(arguments->size);
    ProgressLine line;
    line.begin("converting " + arguments->from);
    const ConvertedModel result = convert_model(arguments->from, arguments->to, arguments->options);
    line.clear();
    print("{}: {}, {} parameters\n", arguments->to, result.architecture, result.parameters);
    for (const auto& [name, bytes] : result.files) print("  {:<40} {:>15} bytes\n", name, bytes);
  });
}

}  // namespace qkv
