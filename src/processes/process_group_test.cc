#include "processes/process_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "processes/launch.h"
#include "processes/peers.h"
#include "processes/thread_group.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ProcessGroup, AllHaveTheFirstOnesTextAndEverybodysInOrder) {
  for (const int size : {1, 2, 3, 5, 8}) {
    run_processes(size, [size](ProcessGroup& group) {
      EXPECT_EQ(group.broadcast(group.first() ? "the first one's" : "another"), "the first one's");
      EXPECT_EQ(group.broadcast(group.first() ? 2.5 : -1), 2.5);
      std::vector<std::string> expected;
      for (int rank = 0; rank < size; ++rank) expected.push_back(std::string(static_cast<size_t>(rank), 'x'));
      EXPECT_EQ(group.gather(expected[static_cast<size_t>(group.rank())]), expected);
      group.wait_for_all();
    });
  }
}

TEST(ProcessGroup, SumsFollowABinaryTreeOverTheProcesses) {
  // (1e16 + 1) + (1 - 1e16) is 0 in double, and 1 or 2 in any other order.
  const double values[] = {1e16, 1, 1, -1e16};
  run_processes(4, [&](ProcessGroup& group) {
    double sums[] = {values[group.rank()], 1};
    group.tree_sum(sums);
    EXPECT_EQ(sums[0], (1e16 + 1) + (1 - 1e16));
    EXPECT_EQ(sums[1], 4);
  });
}

Notice notice_of(Notice::Kind kind, const char* text = "") {
  Notice notice{.kind = kind, .code = static_cast<int32_t>(ErrorCode::io)};
  std::strncpy(notice.text, text, sizeof notice.text - 1);
  return notice;
}

TEST(Peers, OneThatIsSilentForTooLongIsLost) {
  Peers peers(0, 3);
  const auto later = Peers::Clock::now() + Peers::kLostAfter + std::chrono::seconds(1);
  peers.check(Peers::Clock::now());
  EXPECT_FALSE(peers.ending());
  peers.heard(2, notice_of(Notice::done));
  peers.check(later);
  ASSERT_TRUE(peers.ending());
  EXPECT_EQ(peers.ending()->rank, 1) << "the one that is done may be silent";
  EXPECT_TRUE(peers.ending()->lost);
  EXPECT_TRUE(peers.first_of_the_rest());
  EXPECT_FALSE(peers.all_left());
}

TEST(Peers, TheFirstOneThatFailsReports) {
  Peers second(1, 3);
  second.heard(2, notice_of(Notice::failed, "disk full"));
  ASSERT_TRUE(second.ending());
  EXPECT_EQ(second.ending()->rank, 2);
  EXPECT_THAT(second.ending()->error.what(), HasSubstr("disk full"));
  EXPECT_FALSE(second.failed(1)) << "none before it";
  EXPECT_FALSE(second.all_left());
  second.heard(0, notice_of(Notice::failed, "disk full"));
  EXPECT_TRUE(second.failed(1));
  EXPECT_TRUE(second.all_left());
}

class LaunchTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const char* name : set_) ::unsetenv(name);
  }
  void set(const char* name, const char* value) {
    ::setenv(name, value, 1);
    set_.push_back(name);
  }
  std::vector<const char*> set_;
};

TEST_F(LaunchTest, AProgramAloneIsNotLaunched) { EXPECT_FALSE(find_launch().several); }

TEST_F(LaunchTest, MpirunIsKnownByItsEnvironment) {
  set("OMPI_COMM_WORLD_SIZE", "4");
  set("OMPI_COMM_WORLD_RANK", "2");
  const Launch launch = find_launch();
  EXPECT_TRUE(launch.several);
  EXPECT_FALSE(launch.unwired);
  EXPECT_FALSE(launch.first);
  EXPECT_EQ(launch.size, 4);
}

TEST_F(LaunchTest, SrunWithoutPmixCannotConnectItsProcesses) {
  set("SLURM_STEP_NUM_TASKS", "2");
  set("SLURM_PROCID", "0");
  EXPECT_TRUE(find_launch().unwired);
  EXPECT_EQ(find_launch().launcher, "srun");
  set("PMIX_RANK", "0");
  EXPECT_TRUE(find_launch().several);
  EXPECT_FALSE(find_launch().unwired);
}

}  // namespace
}  // namespace qkv
