#include "train/output/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "train/output/checksum.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Checkpoint : public testing::Test {
 protected:
  static std::vector<CheckpointPart> parts(float value) {
    const Tensor a = Tensor::empty({3, 5}, DType::f32), b = Tensor::empty({7}, DType::f32);
    a.fill(value);
    b.fill(-value);
    return {{"weights.safetensors", {{"a", a}}}, {"optimizer.safetensors", {{"m.a", a}, {"v.b", b}}}};
  }
  void save(int64_t step, int64_t keep = 2) {
    save_checkpoint(directory_, step, fmt::format("{{\"step\": {}}}\n", step), parts(static_cast<float>(step)), keep);
  }

  // Sorted names of the entries in the checkpoint directory.
  std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const auto& entry : fs::directory_iterator(directory_)) list.push_back(entry.path().filename().string());
    std::sort(list.begin(), list.end());
    return list;
  }
  std::string error_of_verify(const fs::path& checkpoint) const {
    try {
      verify_checkpoint(checkpoint);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "";
  }
  void expect_whole(int64_t step) const {
    const auto found = find_checkpoint(directory_);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, directory_ / fmt::format("step-{}", step));
    EXPECT_NO_THROW(verify_checkpoint(*found));
    const auto loaded = parts(0);
    load_checkpoint(*found, loaded);
    EXPECT_EQ(loaded[0].tensors[0].second.to_vector(), std::vector<float>(15, static_cast<float>(step)));
    EXPECT_EQ(loaded[1].tensors[1].second.to_vector(), std::vector<float>(7, -static_cast<float>(step)));
    EXPECT_EQ(read_checkpoint_state(*found), fmt::format("{{\"step\": {}}}\n", step));
  }

  TemporaryDirectory root_;
  fs::path directory_ = root_ / "checkpoints";
};

TEST_F(Checkpoint, ComesBackAsItWas) {
  save(10);
  expect_whole(10);
  EXPECT_THAT(names(), testing::ElementsAre("latest", "step-10"));
}

TEST_F(Checkpoint, NothingIsFoundWhereNothingWasSaved) {
  EXPECT_FALSE(find_checkpoint(directory_));
  fs::create_directories(directory_);
  EXPECT_FALSE(find_checkpoint(directory_));
}

TEST_F(Checkpoint, OnlyTheNewestAreKept) {
  for (const int64_t step : {5, 10, 100, 20}) save(step, 2);
  expect_whole(20);  // the newly saved checkpoint is never removed
  EXPECT_THAT(names(), testing::ElementsAre("latest", "step-100", "step-20"));
  save(200, 1);
  EXPECT_THAT(names(), testing::ElementsAre("latest", "step-200"));
}

TEST_F(Checkpoint, TheSameStepMayBeSavedAgain) {
  save(10);
  save(10);
  expect_whole(10);
  EXPECT_THAT(names(), testing::ElementsAre("latest", "step-10"));
}

TEST_F(Checkpoint, EveryFlippedBitIsFoundAndTheFileNamed) {
  save(5);
  save(10);
  const fs::path checkpoint = directory_ / "step-10";
  for (const auto& entry : fs::directory_iterator(checkpoint)) {
    const std::string whole = read_file(entry.path());
    for (size_t i = 0; i < whole.size(); i += 1 + whole.size() / 97) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      std::ofstream(entry.path(), std::ios::binary) << damaged;
      const std::string message = error_of_verify(checkpoint);
      const bool own_file_named = message.find(entry.path().filename().string()) != std::string::npos;
      // A flipped bit in checksums.json is reported for that file or for a file that it lists.
      EXPECT_TRUE(own_file_named || (entry.path().filename() == "checksums.json" && !message.empty()))
          << entry.path() << " byte " << i << ": " << message;
      EXPECT_THAT(message, AllOf(HasSubstr("is damaged"), HasSubstr("step-10 to resume from step-5")));
    }
    std::ofstream(entry.path(), std::ios::binary) << whole;
  }
  EXPECT_EQ(error_of_verify(checkpoint), "");
}

TEST_F(Checkpoint, AMissingOrCutFileIsNamed) {
  save(10);
  const fs::path checkpoint = directory_ / "step-10";
  fs::resize_file(checkpoint / "weights.safetensors", 60);
  EXPECT_THAT(error_of_verify(checkpoint),
              AllOf(HasSubstr("weights.safetensors is damaged: it has 60 bytes"), HasSubstr("start from the beginning")));
  fs::remove(checkpoint / "weights.safetensors");
  EXPECT_THAT(error_of_verify(checkpoint), HasSubstr("weights.safetensors is damaged: it is missing"));
  fs::remove(checkpoint / "checksums.json");
  EXPECT_THAT(error_of_verify(checkpoint), HasSubstr("checksums.json is damaged: it is missing"));
}

TEST_F(Checkpoint, DeletingADamagedOneLeadsToTheOneBefore) {
  save(5);
  save(10);
  fs::remove_all(directory_ / "step-10");  // `latest` still names it
  expect_whole(5);
}

// Reproduces the states that a kill between two system calls of save_checkpoint leaves.
TEST_F(Checkpoint, KillBeforeTheRenameLeavesThePreviousOneWhole) {
  save(10);
  fs::create_directory(directory_ / ".step-20.tmp");
  std::ofstream(directory_ / ".step-20.tmp" / "weights.safetensors") << "half";
  std::ofstream(directory_ / "latest.tmp-123-4") << "step-2";
  expect_whole(10);
  EXPECT_THAT(names(), testing::ElementsAre("latest", "step-10"));
}

TEST_F(Checkpoint, KillBetweenTheTwoRenamesOfAReplacementPutsTheOldOneBack) {
  save(10);
  fs::rename(directory_ / "step-10", directory_ / ".step-10.replaced");
  expect_whole(10);
  EXPECT_THAT(names(), testing::ElementsAre("latest", "step-10"));
}

TEST_F(Checkpoint, KillBeforeThePointerGoesOnFromTheOlderOne) {
  save(10);
  save(20);
  std::ofstream(directory_ / "latest") << "step-10\n";
  expect_whole(10);
  save(20);
  expect_whole(20);
}

TEST_F(Checkpoint, KillBeforeTheFirstPointerUsesTheOnlyOne) {
  save(10);
  fs::remove(directory_ / "latest");
  expect_whole(10);
}

TEST_F(Checkpoint, KillDuringSaveLeavesThePreviousOneWhole) {
  save(1);
  for (int round = 0; round < 12; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      for (int64_t step = 2;; ++step) save(step);
    }
    usleep(static_cast<useconds_t>(1000 + 1700 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const auto found = find_checkpoint(directory_);
    ASSERT_TRUE(found);
    expect_whole(std::stoll(found->filename().string().substr(5)));
    for (const std::string& name : names()) EXPECT_FALSE(name.starts_with(".")) << name;
  }
}

// Simulates a full disk: writes fail beyond a file size.
TEST_F(Checkpoint, AFailedWriteLeavesThePreviousOneWholeAndNothingElse) {
  save(10);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const rlim_t limit : {0, 40, 100, 150}) {
    rlimit small{limit, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    std::string message;
    try {
      save(20);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::io);
      message = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_THAT(message, HasSubstr("cannot write")) << limit;
    EXPECT_THAT(names(), testing::ElementsAre("latest", "step-10"));
    expect_whole(10);
  }
  std::signal(SIGXFSZ, handler);
}

TEST(Checksum, IsCastagnolisCrc) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);            // the check value of CRC-32C
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

}  // namespace
}  // namespace qkv
