// qkv chat: a conversation with a language model.
#include <unistd.h>

#include <cstdio>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/commands/generate_chat.h"
#include "cli/letters.h"
#include "cli/line_input.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "formats/json.h"
#include "qkv/generator.h"

namespace qkv {
namespace {

struct TalkArguments {
  std::string model;
  GeneratorOptions options;
  ChatArguments chat;
  InferenceType dtype = InferenceType::f32;
  bool greedy = false;
};

constexpr const char* kHelp =
    "/reset forgets the conversation, /exit or Ctrl-D ends it. Ctrl-C ends an answer, at the prompt the program.\n"
    "A line that ends with \\ goes on in the next.\n";

class Talk {
 public:
  explicit Talk(const TalkArguments& arguments)
      : arguments_(arguments), chat_(open_template(arguments.chat, arguments.model)), options_(template_options(arguments.chat)) {
    ProgressLine line;
    line.begin("opening " + arguments.model);
    generator_.emplace(Generator::open(arguments.model, arguments.dtype));
    reset();
  }

  void reset() {
    messages_ = nlohmann::ordered_json::array();
    if (!arguments_.chat.system.empty()) say("system", arguments_.chat.system);
  }

  // Prints the answer as it comes. A signal ends it; what is written counts as the answer.
  void answer(const std::string& message) {
    say("user", message);
    const std::string prompt = chat_.render(messages_.dump(), options_).text;
    GeneratorOptions options = arguments_.options;
    options.add_special_tokens = false;
    static std::list<CancellationToken> turns;  // a signal may find an earlier one
    options.cancellation = &turns.emplace_back();
    catch_interrupts(turns.back());
    std::string text;
    const auto show = [&](std::string_view piece) {
      text += piece;
      write_stdout(piece);
      flush_stdout();
    };
    try {
      const Generation generation = generator_->generate(prompt, options, show);
      if (generation.prompt_cut) {
        log_warning("the conversation's {} tokens are more than the model's context of {}; its end was read, and /reset begins anew",
                    generation.prompt_tokens, generator_->context());
      }
    } catch (const Error& error) {
      if (error.code() != ErrorCode::interrupted) throw;
    }
    catch_interrupts();
    write_stdout("\n");
    flush_stdout();
    say("assistant", text);
  }

 private:
  void say(const char* role, const std::string& content) {
    messages_.push_back({{"role", role}, {"content", is_valid_utf8(content) ? content : replace_invalid_utf8(content)}});
  }

  const TalkArguments& arguments_;
  ChatTemplate chat_;
  ChatOptions options_;
  std::optional<Generator> generator_;
  nlohmann::ordered_json messages_;
};

void run_chat(TalkArguments arguments) {
  catch_interrupts();
  if (arguments.greedy) arguments.options.temperature = 0;
  Talk talk(arguments);
  LineInput input("");
  const bool typed = input.is_typed() && ::isatty(STDERR_FILENO) == 1;
  const auto prompt = [&](const char* text) {
    if (typed) std::fputs(text, stderr);
  };
  prompt(kHelp);
  std::string message;
  for (prompt("> ");;) {
    const std::vector<std::string_view> lines = input.next();
    if (lines.empty()) break;
    for (const std::string_view line : lines) {
      message += line;
      if (message.ends_with('\\')) {
        message.back() = '\n';
        prompt("  ");
        continue;
      }
      const std::string said = std::exchange(message, "");
      if (said == "/exit") return;
      if (said == "/reset") {
        talk.reset();
      } else if (said == "/help") {
        std::fputs(kHelp, stderr);
      } else if (said.find_first_not_of(" \t\n") != std::string::npos) {
        talk.answer(said);
      }
      prompt("> ");
    }
  }
  prompt("\n");
}

}  // namespace

void add_chat_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("chat", "Talk with a language model, a line at a time");
  auto arguments = std::make_shared<TalkArguments>();
  command->add_option(with_letter("--model"), arguments->model, "Model directory with a chat template, or a .gguf")
      ->required()
      ->type_name("DIR");
  add_sampling_options(*command, arguments->options);
  command->add_flag("--greedy", arguments->greedy, "Always the likeliest token, like --temperature 0");
  add_dtype_option(*command, arguments->dtype);
  add_template_options(*command, arguments->chat);
  command->footer(std::string("Each line of stdin is a message; the answer goes to stdout as it comes.\n") + kHelp +
                  "Example: qkv chat --model my-chat-model --system 'Be brief.' --temperature 0.7");
  command->callback([command, arguments] {
    refuse_unused_sampling(*command, arguments->greedy, arguments->options);
    refuse_unused_template_options(*command, arguments->chat);
    run_chat(*arguments);
  });
}

}  // namespace qkv
