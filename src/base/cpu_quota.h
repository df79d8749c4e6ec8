// The number of processors that a container may use if its share of time is limited, not the processors themselves.
#pragma once

#include <filesystem>
#include <optional>

namespace qkv {

// Processors' worth of time that the control groups of this process allow (docker run --cpus 1.5): the minimum over its group and ancestors
// of cpu.max in version 2 or cpu.cfs_quota_us in version 1. Nothing if there is no limit. `root` is the directory of proc/ and sys/.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace qkv
