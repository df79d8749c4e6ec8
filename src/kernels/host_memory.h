// The memory and the order of execution of devices that work in the host's memory and are done when a call returns.
#pragma once

#include "kernels/kernel_table.h"

namespace qkv {

DeviceMemory host_memory();
DeviceStream host_stream();

}  // namespace qkv
