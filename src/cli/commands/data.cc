// qkv data: generates data for experiments.
#include <memory>

#include "base/log.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/letters.h"
#include "cli/numbers.h"
#include "cli/program.h"
#include "data/numbers.h"

namespace qkv {

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Make demo data");
  data->require_subcommand(1);
  CLI::App* numbers = data->add_subcommand("numbers", "Numbers spelled out in two languages: parallel text with a checkable truth");
  numbers->footer(
      "Writes DIR/{train,valid,test}.{FROM,TO}. Numbers from 0 to 999,999: N to train on, those below 100 always among them, and\n"
      "besides 1,000 each for validation and test, equally many of 3, 4, 5 and 6 digits. No number is in two of the sets.");
  auto options = std::make_shared<NumbersOptions>();
  numbers->add_option("--from", options->from, "Language of the source: an ICU locale like en, de, fr, ja, zh, pt_PT")
      ->capture_default_str();
  numbers->add_option("--to", options->to, "Language of the target")->capture_default_str();
  numbers->add_option("--count", options->count, "Numbers to train on: 100 to 998,000")
      ->capture_default_str()
      ->check(at_least(options->count, 0));
  numbers->add_option("--seed", options->seed, "Decides which numbers are chosen, and their order")
      ->capture_default_str()
      ->check(at_least(options->seed, 0));
  numbers->add_option(with_letter("--output"), options->output, "Directory to write")->type_name("DIR")->required();
  numbers->add_flag("--overwrite", options->overwrite, "Replace these files in a directory that exists");
  numbers->callback([options] {
    catch_interrupts();
    options->cancellation = program_cancellation();
    ProgressLine line;
    line.begin("spelling numbers");
    write_numbers(*options);
    line.clear();
    const NumberSpeller from(options->from), to(options->to);
    log_info("{}: {} numbers to train on, 1000 to validate, 1000 to test; \"{}\" is \"{}\"", options->output.string(), options->count,
             from.spell(342), to.spell(342));
  });
}

}  // namespace qkv
