#include "train/output/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "train/output/checksum.h"
#include "train/output/event.pb.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

class EventFiles : public testing::Test {
 protected:
  std::vector<fs::path> files() const {
    std::vector<fs::path> list;
    for (const auto& entry : fs::directory_iterator(root_)) list.push_back(entry.path());
    std::sort(list.begin(), list.end());
    return list;
  }
  // Writes steps 1 to 4, then a resumed training from step 2.
  void write_two_sessions() const {
    using Scalars = std::array<EventFile::Scalar, 2>;
    {
      EventFile events(root_, 1);
      for (int64_t step = 1; step <= 4; ++step)
        events.write(step, Scalars{{{"train/loss", 10.0 / static_cast<double>(step)}, {"train/lr", 0.25}}});
    }
    EventFile events(root_, 3);
    for (int64_t step = 3; step <= 5; ++step)
      events.write(step, Scalars{{{"train/loss", 100.0 / static_cast<double>(step)}, {"train/lr", 0.5}}});
  }

  TemporaryDirectory directory_;
  fs::path root_ = directory_ / "events";
};

template <typename Integer>
Integer integer_at(const std::string& bytes, size_t offset) {
  Integer value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

TEST_F(EventFiles, AreTfRecordsOfEvents) {
  {
    EventFile events(root_, 1);
    events.write(7, std::array<EventFile::Scalar, 1>{{{"valid/bleu", 31.5}}});
  }
  const std::string bytes = read_file(files().at(0));
  std::vector<event::Event> found;
  for (size_t at = 0; at < bytes.size();) {
    const auto length = integer_at<uint64_t>(bytes, at);
    ASSERT_LE(at + 16 + length, bytes.size());
    EXPECT_EQ(integer_at<uint32_t>(bytes, at + 8), masked_crc32c(bytes.substr(at, 8)));
    const std::string payload = bytes.substr(at + 12, length);
    EXPECT_EQ(integer_at<uint32_t>(bytes, at + 12 + length), masked_crc32c(payload));
    ASSERT_TRUE(found.emplace_back().ParseFromString(payload));
    at += 16 + length;
  }
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].file_version(), "brain.Event:2");
  EXPECT_EQ(found[1].session_log().status(), event::SessionLog::START);
  EXPECT_EQ(found[2].step(), 7);
  EXPECT_EQ(found[2].summary().value(0).tag(), "valid/bleu");
  EXPECT_EQ(found[2].summary().value(0).simple_value(), 31.5f);
}

// TensorBoard's package reads the files and drops the steps that a resumed training repeated. QKV_PYTHON names a python3 that has it.
TEST_F(EventFiles, TensorBoardReadsThem) {
  const char* chosen = std::getenv("QKV_PYTHON");
  const std::string python = chosen ? chosen : "python3";
  if (std::system(fmt::format("'{}' -c 'import tensorboard' >/dev/null 2>&1", python).c_str()) != 0) {
    GTEST_SKIP() << "NOT TESTED: the package tensorboard is not installed for " << python << "; QKV_PYTHON may name one that has it";
  }
  write_two_sessions();
  const fs::path script = root_.string() + ".py", answer = root_.string() + ".txt";
  write_file_atomically(script, R"(
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]).Reload()
print(sorted(events.Tags()["scalars"]))
print([(s.step, s.value) for s in events.Scalars("train/loss")])
print([s.value for s in events.Scalars("train/lr")])
)");
  const int status =
      std::system(fmt::format("'{}' '{}' '{}' > '{}' 2>/dev/null", python, script.string(), root_.string(), answer.string()).c_str());
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(answer),
            "['train/loss', 'train/lr']\n"
            "[(1, 10.0), (2, 5.0), (3, 33.33333206176758), (4, 25.0), (5, 20.0)]\n"
            "[0.25, 0.25, 0.5, 0.5, 0.5]\n");
  fs::remove(script);
  fs::remove(answer);
}

TEST_F(EventFiles, ADirectoryThatCannotBeMadeIsOneLine) {
  write_file_atomically(root_, "a file");
  try {
    EventFile events(root_ / "tensorboard", 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_THAT(error.what(), testing::HasSubstr("tensorboard"));
  }
}

}  // namespace
}  // namespace qkv
