#include "lab/record/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <mutex>

#include "base/cancellation.h"
#include "base/files.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "base/timing.h"
#include "data/text_corpus.h"
#include "kernels/kernel_table.h"
#include "lab/record/commit.h"
#include "lab/record/kept_options.h"

namespace qkv::lab {
namespace {

struct Task {
  const Experiment* experiment;
  std::string arm;
  int64_t seed;
};

// The data that a record was made with.
std::map<std::string, std::string> fingerprints(const Experiment& experiment, const Data& data) {
  std::map<std::string, std::string> result;
  const auto add = [&](const std::string& kind, std::initializer_list<std::filesystem::path> paths) {
    if (std::find(experiment.data.begin(), experiment.data.end(), kind) == experiment.data.end()) return;
    std::string numbers;
    for (const std::filesystem::path& path : paths) {
      if (!path.empty()) numbers += fmt::format("{}{:016x}", numbers.empty() ? "" : " ", content_hash({path}));
    }
    result[kind] = numbers.empty() ? "built-in" : numbers;
  };
  add("text", {data.text});
  add("translation", {data.translation_source, data.translation_target});
  add("classification", {data.classification_train, data.classification_test});
  return result;
}

void check_fits(const Record& record, double effort, const std::map<std::string, std::string>& data, const std::filesystem::path& output) {
  QKV_CHECK_OPTION(record.effort == effort,
                   "{} holds records of {} with effort {} (--quick: {}); choose another `output`, or the same effort", output.string(),
                   record.experiment, record.effort, kQuickEffort);
  QKV_CHECK_OPTION(record.data == data, "{} holds records of {} that were made with other data; choose another `output`", output.string(),
                   record.experiment);
}

// Each kind of data needs a minimal size.
void check_data(const Experiment& experiment, const Data& data) {
  const auto uses = [&](const char* kind) {
    return std::find(experiment.data.begin(), experiment.data.end(), kind) != experiment.data.end();
  };
  if (uses("text") && !data.text.empty()) {
    constexpr uintmax_t kBytes = 100'000;
    const uintmax_t bytes = std::filesystem::file_size(data.text);
    QKV_CHECK_OPTION(bytes >= kBytes, "`text`: {} has {} bytes; {} needs {} at least", data.text.string(), bytes, experiment.name, kBytes);
  }
  const auto check_lines = [&](const char* field, const std::filesystem::path& path, size_t least) {
    if (path.empty()) return;
    const size_t lines = read_lines(path).size();
    QKV_CHECK_OPTION(lines >= least, "`{}`: {} has {} lines; {} needs {} at least", field, path.string(), lines, experiment.name, least);
  };
  if (uses("translation")) {
    check_lines("translation", data.translation_source, 2000);
    check_lines("translation", data.translation_target, 2000);
  }
  if (uses("classification")) {
    check_lines("classification", data.classification_train, 1000);
    check_lines("classification", data.classification_test, 100);
  }
}

// Memory available to a new allocation, in MiB; 0 if unknown.
int64_t available_memory_mib() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("MemAvailable:")) return std::stoll(line.substr(13)) / 1024;
  }
  return 0;
}

void check_memory(const Experiment& experiment) {
  const int64_t needed = experiment.memory_mib * (experiment.timed ? 1 : num_threads()), available = available_memory_mib();
  QKV_CHECK_OPTION(available == 0 || needed <= available, "{} needs {} MiB of memory{}, {} are free{}", experiment.name, needed,
                   experiment.timed ? "" : fmt::format(" with {} threads", num_threads()), available,
                   experiment.timed ? "" : mark_fields("; `threads` 1 needs less"));
}

std::vector<Task> missing_tasks(const std::vector<const Experiment*>& chosen, const RunOptions& options) {
  std::vector<Task> tasks;
  for (const Experiment* experiment : chosen) {
    check_data(*experiment, options.data);
    check_memory(*experiment);
    const Records records = Records::read(options.output, experiment->name);
    const auto data = fingerprints(*experiment, options.data);
    for (const Record& record : records.all()) check_fits(record, options.effort, data, options.output);
    const int seeds = options.seeds > 0 ? options.seeds : experiment->seeds;
    for (int64_t seed = 1; seed <= seeds; ++seed) {
      for (const std::string& arm : experiment->arms) {
        if (!records.find(arm, seed)) tasks.push_back({experiment, arm, seed});
      }
    }
  }
  return tasks;
}

class Runner {
 public:
  Runner(const RunOptions& options, int64_t total, const std::function<void(const RunProgress&)>& report)
      : options_(options), report_(report), total_(total) {}

  void run(const Task& task, int threads) {
    throw_if_cancelled(options_.cancellation);
    const Stopwatch watch;
    Record record{.experiment = task.experiment->name, .arm = task.arm, .seed = task.seed, .effort = options_.effort};
    record.data = fingerprints(*task.experiment, options_.data);
    record.commit = built_from();
    record.isa = qkv::name_of(current_isa());
    record.threads = threads;
    record.outcome = task.experiment->run(Job{.arm = task.arm,
                                              .seed = static_cast<uint64_t>(task.seed),
                                              .effort = options_.effort,
                                              .data = options_.data,
                                              .scratch = scratch_.path(),
                                              .cancellation = options_.cancellation});
    record.seconds = watch.seconds();
    const std::filesystem::path path = record_path(options_.output, task.experiment->name, task.arm, task.seed);
    std::filesystem::create_directories(path.parent_path());
    write_file_atomically(path, to_json(record));
    const std::lock_guard lock(mutex_);
    report_({*task.experiment, ++done_, total_,
             fmt::format("{}: {}, seed {}: {:.0f} s", task.experiment->name, task.arm, task.seed, record.seconds)});
  }

 private:
  const RunOptions& options_;
  const std::function<void(const RunProgress&)>& report_;
  const TemporaryDirectory scratch_;
  std::mutex mutex_;
  int64_t done_ = 0;
  const int64_t total_;
};

}  // namespace

void run_experiments(const RunOptions& options, const std::function<void(const RunProgress&)>& report) {
  std::vector<const Experiment*> chosen;
  for (const std::string& name : options.experiments) chosen.push_back(&find_experiment(name));
  if (chosen.empty()) {
    for (const Experiment& each : experiments()) chosen.push_back(&each);
  }
  const std::vector<Task> tasks = missing_tasks(chosen, options);
  keep_options(options);
  Runner runner(options, std::ssize(tasks), report);
  std::vector<Task> untimed;
  std::copy_if(tasks.begin(), tasks.end(), std::back_inserter(untimed), [](const Task& task) { return !task.experiment->timed; });
  parallel_for(std::ssize(untimed), [&](int64_t i) { runner.run(untimed[i], 1); });
  for (const Task& task : tasks) {
    if (task.experiment->timed) runner.run(task, num_threads());
  }
}

}  // namespace qkv::lab
