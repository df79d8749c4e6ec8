// qkv lab: answers classic questions by measurement.
#include <fmt/format.h>

#include <memory>

#include "base/files.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/timing.h"
#include "cli/commands.h"
#include "cli/exclusions.h"
#include "cli/letters.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/program.h"
#include "lab/pages/report.h"
#include "lab/record/kept_options.h"
#include "lab/record/runner.h"

namespace qkv {
namespace {

void list() {
  for (const lab::Experiment& each : lab::experiments()) {
    print("{:<18} {:>3} runs{}  {}\n", each.name, each.arms.size() * static_cast<size_t>(each.seeds), each.timed ? ", timed" : "       ",
          each.question);
  }
}

// Accepts regular files, but not pipes, since the file is read several times.
CLI::Validator readable_file() {
  return CLI::Validator(
      [](const std::string& path) {
        const MappedFile file(path);
        return std::string();
      },
      "");
}

void run(lab::RunOptions options) {
  catch_interrupts();
  options.cancellation = program_cancellation();
  check_can_write_in(options.output, "--output " + options.output.string());
  ProgressLine line;
  const Stopwatch watch;
  lab::run_experiments(options, [&](const lab::RunProgress& progress) {
    const double left = watch.seconds() / static_cast<double>(progress.done) * static_cast<double>(progress.total - progress.done);
    if (line.visible()) {
      line.show(fmt::format("{} of {} runs, about {} left  ({})", progress.done, progress.total, format_duration(left), progress.last));
    } else {
      log_info("[{}/{}] {}", progress.done, progress.total, progress.last);
    }
  });
}

void report(const std::filesystem::path& directory, const std::string& language = "both") {
  std::vector<lab::Language> languages;
  for (const lab::Language each : lab::kLanguages) {
    if (language == "both" || language == lab::code_of(each)) languages.push_back(each);
  }
  const lab::ReportSize size = lab::write_report(directory, languages);
  log_info("{}: {} pages, records of {} experiment{}", (directory / lab::code_of(languages[0]) / "index.html").string(), size.pages,
           size.experiments, size.experiments == 1 ? "" : "s");
}

}  // namespace

void add_lab_command(CLI::App& app) {
  CLI::App* lab = app.add_subcommand("lab", "Answer the classic questions about the Transformer by measurement")->require_subcommand(1);
  lab->add_subcommand("list", "The questions, and how many runs each takes")->callback(list);

  auto options = std::make_shared<lab::RunOptions>();
  CLI::App* runs = lab->add_subcommand("run", "Train and measure what is missing of some experiments, and write the report");
  runs->add_option("NAME", options->experiments, "Experiments of qkv lab list (default: all)")->type_name("");
  runs->add_flag_callback(
      "--quick",
      [options] {
        options->effort = lab::kQuickEffort;
        options->seeds = lab::kQuickSeeds;
      },
      "A rough answer: an eighth of the training, three seeds");
  runs->add_option("--effort", options->effort, "Share of the full training: another trade of minutes against certainty")
      ->check(between(0.001, 100.0));
  runs->add_option("--seeds", options->seeds, "Runs of each arm with different seeds (default: each experiment's own)")
      ->check(between(1, 1000));
  runs->add_option(with_letter("--output"), options->output, "Directory of the records and the report")
      ->type_name("DIR")
      ->default_str("lab-report");
  auto translation = std::make_shared<std::vector<std::string>>();
  runs->add_option("--translation", *translation, "Sentence pairs to learn from, a sentence a line; the last 1,000 are held out")
      ->type_name("SRC TGT")
      ->expected(2)
      ->check(readable_file());
  runs->add_option("--text", options->data.text, "Plain text to learn from; the last tenth is held out")
      ->type_name("FILE")
      ->check(readable_file());
  auto classification = std::make_shared<std::vector<std::string>>();
  runs->add_option("--classification", *classification, "Texts with labels to learn from and to be judged by: text TAB label on each line")
      ->type_name("TRAIN TEST")
      ->expected(2)
      ->check(readable_file());
  auto resume = std::make_shared<bool>(false);
  runs->add_flag("--resume", *resume, "Go on with the interrupted record in --output, with its options");
  runs->footer(
      "Without --translation, --text and --classification the data is made up: numbers spelled out, and tasks by rule. Each finished run "
      "is a file\n"
      "DIR/EXPERIMENT/ARM.SEED.json; the same command, or --resume, goes on where an interrupted one stopped.");
  runs->callback([runs, options, translation, classification, resume] {
    if (options->output.empty()) options->output = "lab-report";
    if (!translation->empty()) {
      options->data.translation_source = translation->at(0);
      options->data.translation_target = translation->at(1);
    }
    if (!classification->empty()) {
      options->data.classification_train = classification->at(0);
      options->data.classification_test = classification->at(1);
    }
    if (*resume) {
      refuse_given(*runs, {"NAME", "--quick", "--effort", "--seeds", "--translation", "--text", "--classification"},
                   "--resume goes on with the record's own options");
      *options = lab::kept_options(options->output);
    }
    run(*options);
    report(options->output);
  });

  auto directory = std::make_shared<std::filesystem::path>();
  CLI::App* reports = lab->add_subcommand("report", "Write the report of a directory of records again");
  reports->add_option("DIR", *directory, "Directory that qkv lab run wrote")->required()->check(CLI::ExistingDirectory);
  auto language = std::make_shared<std::string>("both");
  reports->add_option("--lang", *language, "Language of the pages: en, zh, or both, each page linked to the other")
      ->check(CLI::IsMember({"en", "zh", "both"}))
      ->capture_default_str();
  reports->callback([directory, language] { report(*directory, *language); });
}

}  // namespace qkv
