#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <string>

#include "base/error.h"

namespace qkv {
namespace {

std::atomic<LogLevel> current_level{LogLevel::normal};

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

void log_message(LogLevel level, std::string_view message) {
  if (level > current_level.load()) return;
  if (level == LogLevel::warnings) {
    stderr_logger().warn("warning: {}", one_line(std::string(message)));  // it may quote an untrusted file
  } else {
    stderr_logger().info("{}", message);
  }
}

}  // namespace qkv
