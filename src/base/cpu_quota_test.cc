#include "base/cpu_quota.h"

#include <gtest/gtest.h>

#include "base/temporary_directory.h"

namespace qkv {
namespace {

class CpuQuota : public testing::Test {
 protected:
  void put(const std::filesystem::path& name, std::string_view content) {
    std::filesystem::create_directories((root_ / name).parent_path());
    root_.write(name, content);
  }
  std::optional<double> quota() const { return cpu_quota(root_.path()); }

  TemporaryDirectory root_;
};

TEST_F(CpuQuota, NoControlGroupIsNoLimit) { EXPECT_EQ(quota(), std::nullopt); }

TEST_F(CpuQuota, LeastOfAGroupAndThoseAboveItCounts) {
  put("proc/self/cgroup", "0::/pod/box\n");
  put("sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  put("sys/fs/cgroup/pod/cpu.max", "250000 100000\n");
  EXPECT_EQ(quota(), 2.5);
  put("sys/fs/cgroup/pod/box/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 0.5);
}

// As in a container with a namespace of its own.
TEST_F(CpuQuota, GroupAtTheTopOfItsMountIsRead) {
  put("proc/self/cgroup", "0::/\n");
  put("sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota(), 4);
}

TEST_F(CpuQuota, FirstVersionIsReadAtItsPathOrAtTheTop) {
  put("proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/docker/abc\n0::/\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");  // the path of /proc is the host's
  EXPECT_EQ(quota(), 1.5);
  put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "100000\n");
  put("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 1);
}

TEST_F(CpuQuota, OtherControllersAndDamagedFilesLimitNothing) {
  put("proc/self/cgroup", "3:cpuset:/a\n2:cpuacct:/a\nnonsense\n0::/a\n");
  put("sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "100000\n");
  put("sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/a/cpu.max", "");
  EXPECT_EQ(quota(), std::nullopt);
  put("sys/fs/cgroup/a/cpu.max", "5 0\n");
  EXPECT_EQ(quota(), std::nullopt);
}

}  // namespace
}  // namespace qkv
