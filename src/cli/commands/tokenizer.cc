// qkv tokenizer: trains a tokenizer, encodes text, decodes ids, shows tokens, and compares tokenizers.
#include "cli/commands/tokenizer.h"

#include "cli/commands.h"

namespace qkv {

void add_tokenizer_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("tokenizer", "Train a tokenizer, encode text, decode ids, see and compare what tokenizers do");
  command->require_subcommand(1);
  add_tokenizer_train(*command);
  add_tokenizer_encode(*command);
  add_tokenizer_decode(*command);
  add_tokenizer_inspect(*command);
  add_tokenizer_compare(*command);
}

}  // namespace qkv
