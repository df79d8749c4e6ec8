// qkv generate: continues a prompt.

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/commands/generate_chat.h"
#include "cli/exclusions.h"
#include "cli/letters.h"
#include "cli/line_input.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "formats/json.h"
#include "qkv/generator.h"

namespace qkv {
namespace {

struct GenerateArguments {
  std::string model, prompt;
  GeneratorOptions options;
  ChatArguments chat;
  int64_t num_samples = 1;
  InferenceType dtype = InferenceType::f32;
  bool greedy = false, stream = true, echo = false, json = false;
};

void print_json(const std::string& prompt, const Generation& generation, int64_t sample) {
  print("{}\n", nlohmann::ordered_json{{"sample", sample},
                                       {"prompt", prompt},
                                       {"text", generation.text},
                                       {"prompt_tokens", generation.prompt_tokens},
                                       {"new_tokens", generation.tokens.size()},
                                       {"end", generation.end == GenerationEnd::end_of_text ? "end_of_text" : "max_new_tokens"}}
                    .dump());
  flush_stdout();
}

// Prints one text while it is generated.
Generation print_text(const Generator& generator, const GenerateArguments& arguments, const std::string& prompt) {
  const auto show = [&](std::string_view text) {
    write_stdout(text);
    if (arguments.stream) flush_stdout();
  };
  if (arguments.echo) write_stdout(prompt);
  Generation generation;
  try {
    generation = generator.generate(prompt, arguments.options, show);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::interrupted) write_stdout("\n");  // the partial text stays and is ended as a line
    throw;
  }
  write_stdout("\n");
  flush_stdout();
  return generation;
}

// What the model reads: the prompt, or the conversation in the model's template, which has its own special tokens.
std::string read_prompt(GenerateArguments& arguments) {
  std::string prompt = arguments.prompt == "-" ? std::string(LineInput("").whole()) : arguments.prompt;
  if (!is_valid_utf8(prompt)) {
    log_warning("the prompt is not valid UTF-8; the bad bytes are read as U+FFFD");
    prompt = replace_invalid_utf8(prompt);
  }
  if (!arguments.chat.used()) return prompt;
  arguments.options.add_special_tokens = false;
  return chat_prompt(arguments.chat, arguments.model, prompt);
}

void run_generate(GenerateArguments arguments) {
  catch_interrupts();
  arguments.options.cancellation = program_cancellation();
  if (arguments.greedy) arguments.options.temperature = 0;
  const auto check_chance = [&](double temperature) {
    if (arguments.num_samples == 1 || temperature > 0) return;
    fail(ErrorCode::invalid_argument, "--num-samples {}: without chance all samples are the same; raise --temperature or take one",
         arguments.num_samples);
  };
  check_chance(arguments.options.temperature.value_or(1));
  const std::string prompt = read_prompt(arguments);
  if (arguments.chat.show_prompt) return write_stdout(prompt);
  ProgressLine line;
  line.begin("opening " + arguments.model);
  const Generator generator = Generator::open(arguments.model, arguments.dtype);
  line.clear();
  check_chance(generator.temperature(arguments.options));
  for (int64_t sample = 0; sample < arguments.num_samples; ++sample) {
    arguments.options.sample = sample;
    Generation generation;
    if (arguments.json) {
      line.begin(fmt::format("writing text {} of {}", sample + 1, arguments.num_samples));
      generation = generator.generate(prompt, arguments.options);
      print_json(prompt, generation, sample);
    } else {
      if (sample > 0) write_stdout("---\n");
      generation = print_text(generator, arguments, prompt);
    }
    if (generation.prompt_unknown > 0 && sample == 0) {
      log_warning("the prompt has {} character{} or word{} that the tokenizer does not know", generation.prompt_unknown,
                  generation.prompt_unknown == 1 ? "" : "s", generation.prompt_unknown == 1 ? "" : "s");
    }
    if (generation.prompt_cut && sample == 0) {
      log_warning("the prompt's {} tokens are more than the model's context of {}; its end was read", generation.prompt_tokens,
                  generator.context());
    }
  }
}

void refuse_unused(const CLI::App& command, const GenerateArguments& arguments) {
  refuse_unused_chat_options(command, arguments.chat);
  refuse_unused_sampling(command, arguments.greedy, arguments.options);
  if (arguments.json) refuse_given(command, {"--no-stream", "--echo"}, "--json prints whole texts, each with its prompt");
}

}  // namespace

void add_generate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("generate", "Write on from a prompt with a language model");
  auto arguments = std::make_shared<GenerateArguments>();
  command->add_option(with_letter("--model"), arguments->model, "Model directory: config.json, model.safetensors, tokenizer.json")
      ->required()
      ->type_name("DIR");
  command->add_option(with_letter("--prompt"), arguments->prompt, "What to go on from; -: all of stdin (default: the beginning of a text)")
      ->type_name("TEXT");
  add_sampling_options(*command, arguments->options);
  command->add_flag("--greedy", arguments->greedy, "Always the likeliest token, like --temperature 0");
  command->add_option("--num-samples", arguments->num_samples, "Write N texts, parted by lines of ---")
      ->check(at_least(arguments->num_samples, 1))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("!--no-stream", arguments->stream, "Print in large pieces instead of token by token");
  command->add_flag("--echo", arguments->echo, "Print the prompt before the text");
  command->add_flag("--json", arguments->json, "Print each text as a line of JSON: sample, prompt, text, prompt_tokens, new_tokens, end");
  add_dtype_option(*command, arguments->dtype);
  add_chat_options(*command, arguments->chat);
  command->footer(
      "Tokens are drawn as transformers draws them: after the rules on repetition temperature, top-k, top-p, min-p, typical-p and the\n"
      "cutoffs, in this order. What is not chosen is the model's, from generation_config.json: with do_sample true top-k is 50 where it "
      "says no other, with do_sample false the likeliest token is taken.\n"
      "A text that fills the model's context (GPT-2's positions, say) goes on with its last three quarters in view. Ctrl-C ends it; what\n"
      "is written stays.\n"
      "A chat template (--chat, --messages) is the model's own, or --template; special tokens that are spelled out in a message are read "
      "as\n"
      "such, as transformers does.\n"
      "Examples: qkv generate --model my-gpt --prompt 'ROMEO:' --max-new-tokens 500 --temperature 0.8 --top-k 50\n"
      "          qkv generate --model my-chat-model --chat --prompt 'Name three rivers.' --system 'Be brief.'");
  command->callback([command, arguments] {
    refuse_unused(*command, *arguments);
    run_generate(*arguments);
  });
}

}  // namespace qkv
