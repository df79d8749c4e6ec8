#include "kernels/kernel_table.h"

namespace qkv {

const KernelTable& kernels_of(Device device) {
  switch (device) {
    case Device::reference: return reference_kernels();
    case Device::disguised: return disguised_kernels();
    default: return cpu_kernels();
  }
}

}  // namespace qkv
