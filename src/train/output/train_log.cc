#include "train/output/train_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"

namespace qkv {
namespace {

void keep_steps_until(const std::filesystem::path& path, int64_t last_step) {
  const std::string text = read_file(path);
  std::string kept;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const std::string_view line(text.data() + begin, end + 1 - begin);
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.contains("step") && json["step"].is_number_integer() && json["step"] <= last_step) kept += line;
    begin = end + 1;
  }
  if (kept != text) write_file_atomically(path, kept);
}

}  // namespace

TrainLog::TrainLog(const std::filesystem::path& path, int64_t last_step) : path_(path) {
  if (std::filesystem::exists(path)) keep_steps_until(path, last_step);
  file_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail(ErrorCode::io, "cannot write {}: {}", path.string(), std::generic_category().message(errno));
}

TrainLog::~TrainLog() { ::close(file_); }

void TrainLog::write(const TrainStep& step) {
  append(nlohmann::ordered_json{{"event", "step"},
                                {"step", step.step},
                                {"epoch", step.epoch},
                                {"loss", step.average_loss},
                                {"learning_rate", step.learning_rate},
                                {"gradient_norm", step.gradient_norm},
                                {"tokens_per_second", step.tokens_per_second},
                                {"elapsed_seconds", step.elapsed_seconds}}
             .dump());
}

void TrainLog::write(const TrainValidation& validation) {
  nlohmann::ordered_json line{{"event", "validation"}, {"step", validation.step}, {"loss", validation.loss}};
  if (validation.accuracy) {
    line["accuracy"] = *validation.accuracy;
  } else {
    line["perplexity"] = validation.perplexity;
  }
  if (validation.entity_f1) line["entity_f1"] = *validation.entity_f1;
  if (validation.bleu) line["bleu"] = *validation.bleu;
  if (validation.exact_match) line["exact_match"] = *validation.exact_match;
  if (validation.bits_per_byte) line["bits_per_byte"] = *validation.bits_per_byte;
  if (validation.masked_bits_per_byte) line["masked_bits_per_byte"] = *validation.masked_bits_per_byte;
  line["best"] = validation.best;
  line["seconds"] = validation.seconds;
  append(line.dump());
}

void TrainLog::append(std::string line) {
  line += '\n';
  size_t written = 0;
  while (written < line.size()) {
    const ssize_t count = ::write(file_, line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(ErrorCode::io, "cannot write {}: {}", path_.string(), std::generic_category().message(errno));
    written += static_cast<size_t>(count);
  }
}

}  // namespace qkv
