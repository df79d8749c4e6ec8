// How many processors a container may use, where its share of time is limited and not the processors themselves.
#pragma once

#include <filesystem>
#include <optional>

namespace qkv {

// Processors' worth of time that the control groups of this process allow (docker run --cpus 1.5): the least of its group and those above,
// cpu.max of version 2 or cpu.cfs_quota_us of version 1. Nothing where there is no limit. `root` is where proc/ and sys/ lie.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

}  // namespace qkv
