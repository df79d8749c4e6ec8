#include "base/cpu_quota.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace qkv {
namespace {

namespace fs = std::filesystem;

std::optional<double> share(double quota, double period) {
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

// Reads cpu.max: "150000 100000", or "max 100000".
std::optional<double> read_version2(const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period ? share(quota, period) : std::nullopt;
}

// Reads two files; a quota of -1 means none.
std::optional<double> read_version1(const fs::path& group) {
  std::ifstream quota_file(group / "cpu.cfs_quota_us"), period_file(group / "cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quota_file >> quota && period_file >> period ? share(quota, period) : std::nullopt;
}

using Reader = std::optional<double> (*)(const fs::path& group);

// Takes the smallest share of a group and its ancestors. A container may see its own group at the mount's top while /proc names it by the
// path outside; groups that do not exist impose no limit.
void take_least(std::optional<double>& least, const fs::path& mount, const fs::path& group, Reader read) {
  for (fs::path each = group.relative_path();; each = each.parent_path()) {
    if (const std::optional<double> found = read(mount / each)) least = std::min(least.value_or(*found), *found);
    if (each.empty()) return;
  }
}

// True if "cpu" is among the names of a line like "4:cpu,cpuacct:/path".
bool has_cpu(const std::string& controllers) { return ("," + controllers + ",").find(",cpu,") != std::string::npos; }

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> least;
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const char* mount : {"", "unified"}) take_least(least, mounts / mount, group, read_version2);
    } else if (has_cpu(controllers)) {
      for (const std::string& mount : {std::string("cpu"), controllers}) take_least(least, mounts / mount, group, read_version1);
    }
  }
  return least;
}

}  // namespace qkv
