#include "train/output/event_file.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "base/error.h"
#include "train/output/checksum.h"
#include "train/output/event.pb.h"

namespace qkv {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 && name[0] ? name.data() : "localhost";
}

// TFRecords store numbers in little-endian order.
template <typename Integer>
void append_integer(std::string& out, Integer value) {
  for (size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace

EventFile::EventFile(const std::filesystem::path& directory, int64_t first_step) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) fail(ErrorCode::io, "cannot make {}: {}", directory.string(), error.message());
  // TensorBoard reads files with "tfevents" in their names, in the order of the names.
  static int count = 0;
  path_ = directory / fmt::format("events.out.tfevents.{:010d}.{}.{}.{}", static_cast<int64_t>(now()), host_name(), getpid(), count++);
  file_.reset(std::fopen(path_.c_str(), "wbx"));
  if (!file_) fail(ErrorCode::io, "cannot write {}: {}", path_.string(), std::generic_category().message(errno));
  event::Event version;
  version.set_wall_time(now());
  version.set_file_version("brain.Event:2");
  write_record(version.SerializeAsString());
  event::Event start;
  start.set_wall_time(now());
  start.set_step(first_step);
  start.mutable_session_log()->set_status(event::SessionLog::START);
  write_record(start.SerializeAsString());
}

void EventFile::write(int64_t step, std::span<const Scalar> scalars) {
  event::Event event;
  event.set_wall_time(now());
  event.set_step(step);
  for (const Scalar& scalar : scalars) {
    event::Summary::Value* value = event.mutable_summary()->add_value();
    value->set_tag(scalar.tag);
    value->set_simple_value(static_cast<float>(scalar.value));
  }
  write_record(event.SerializeAsString());
}

void EventFile::write_record(const std::string& event) {
  std::string record;
  append_integer(record, static_cast<uint64_t>(event.size()));
  append_integer(record, masked_crc32c(record));
  record += event;
  append_integer(record, masked_crc32c(event));
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size() || std::fflush(file_.get()) != 0) {
    fail(ErrorCode::io, "cannot write {}: {}", path_.string(), std::generic_category().message(errno));
  }
}

}  // namespace qkv
