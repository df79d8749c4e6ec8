#include "base/hub_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

class HubCache : public testing::Test {
 protected:
  void SetUp() override {
    add_snapshot("1a2b");
    fs::create_directories(repository_ / "refs");
    std::ofstream(repository_ / "refs/main") << "1a2b";
  }
  void add_snapshot(const std::string& revision) {
    fs::create_directories(repository_ / "blobs");
    fs::create_directories(repository_ / "snapshots" / revision);
    std::ofstream(repository_ / "blobs/123") << "{}";
    fs::create_symlink("../../blobs/123", repository_ / "snapshots" / revision / "config.json");
  }
  std::string message() {
    try {
      model_directory_at(repository_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  TemporaryDirectory root_;
  fs::path repository_ = root_ / "models--org--name";
};

TEST_F(HubCache, RepositorySnapshotAndFileNameOneDirectory) {
  const fs::path snapshot = repository_ / "snapshots/1a2b";
  EXPECT_EQ(model_directory_at(repository_), snapshot);
  EXPECT_EQ(model_directory_at(snapshot), snapshot);
  EXPECT_EQ(model_directory_at(snapshot / "config.json"), snapshot);
  EXPECT_EQ(model_directory_at(root_ / "nothing"), root_ / "nothing");
}

TEST_F(HubCache, MainChoosesAmongSnapshots) {
  add_snapshot("3c4d");
  EXPECT_EQ(model_directory_at(repository_), repository_ / "snapshots/1a2b");
  std::ofstream(repository_ / "refs/main") << "3c4d\n";
  EXPECT_EQ(model_directory_at(repository_), repository_ / "snapshots/3c4d");
  fs::remove(repository_ / "refs/main");
  EXPECT_THAT(message(), testing::HasSubstr("name one of them: 1a2b, 3c4d"));
  fs::remove_all(repository_ / "snapshots/1a2b");
  EXPECT_EQ(model_directory_at(repository_), repository_ / "snapshots/3c4d");
}

TEST_F(HubCache, MainNeverLeavesTheRepository) {
  for (const char* revision : {"", "..", "../snapshots/1a2b", "/", ".", "5e6f"}) {
    std::ofstream(repository_ / "refs/main") << revision;
    EXPECT_THAT(message(), testing::HasSubstr("which is not there")) << revision;
  }
}

}  // namespace
}  // namespace qkv
