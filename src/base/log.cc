#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <string>

#include "base/option_error.h"
#include "base/progress.h"

namespace qkv {
namespace {

std::atomic<LogLevel> current_level{LogLevel::normal};
std::atomic<std::string (*)(std::string_view)> field_names{nullptr};

spdlog::logger& stderr_logger() {
  static spdlog::logger logger = [] {
    spdlog::logger made("qkv", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.set_pattern("%v");
    made.flush_on(spdlog::level::info);
    return made;
  }();
  return logger;
}

}  // namespace

void set_log_level(LogLevel level) { current_level = level; }
LogLevel log_level() { return current_level; }
void set_field_names(std::string (*names)(std::string_view field)) { field_names = names; }

void log_marked_warning(std::string_view message) {
  const OptionError text = option_error(ErrorCode::internal, message);
  const auto names = field_names.load();
  log_message(LogLevel::warnings, names ? text.message(names) : text.what());
}

void log_message(LogLevel level, std::string_view message) {
  if (level > current_level.load()) return;
  const ProgressPause pause;
  if (level == LogLevel::warnings) {
    stderr_logger().warn("warning: {}", one_line(std::string(message)));  // it may quote an untrusted file
  } else {
    stderr_logger().info("{}", message);
  }
}

}  // namespace qkv
