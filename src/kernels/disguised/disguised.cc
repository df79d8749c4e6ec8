// The CPU in disguise: a device with memory of its own, which only its own functions can touch, and with an order of execution of its own:
// in a section of the stream kernels run when somebody waits. Whatever runs here as on the CPU keeps to the rules of a device.
//
// Its memory cannot be read or written (PROT_NONE) but while one of the table's functions runs, and every pointer that a kernel is given
// must be one of this memory: the host's would work on a CPU and nowhere else.
#include <sys/mman.h>

#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <typeinfo>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kernels/disguised/pointers.h"
#include "kernels/kernel_table.h"

namespace qkv {
namespace {

constexpr int64_t kPage = 4096;

class Disguise {
 public:
  void* allocate(int64_t bytes) {
    std::lock_guard lock(mutex_);
    const int64_t size = (bytes + kPage - 1) / kPage * kPage;
    void* data = ::mmap(nullptr, static_cast<size_t>(size), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) return nullptr;
    ::madvise(data, static_cast<size_t>(size), MADV_HUGEPAGE);  // fewer pages to protect
    regions_[static_cast<char*>(data)] = size;
    return data;
  }

  void free(void* data) {
    std::lock_guard lock(mutex_);
    run_waiting();
    const auto found = regions_.find(static_cast<char*>(data));
    ::munmap(data, static_cast<size_t>(found->second));
    regions_.erase(found);
  }

  void begin() {
    std::lock_guard lock(mutex_);
    ++sections_;
  }

  void wait() {
    std::lock_guard lock(mutex_);
    if (--sections_ == 0) run_waiting();
  }

  // Now, or in its turn.
  void submit(std::function<void()> work) {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
    if (sections_ == 0) run_waiting();
  }

  // Runs all queued work, then `work`.
  void run(std::function<void()> work) {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
    run_waiting();
  }

  void expect_inside(const char* kernel, const void* data, int64_t bytes) {
    if (!data || bytes == 0) return;
    std::lock_guard lock(mutex_);
    auto after = regions_.upper_bound(const_cast<char*>(static_cast<const char*>(data)));
    const bool inside = after != regions_.begin() && (--after, static_cast<const char*>(data) + bytes <= after->first + after->second);
    if (!inside) fail(ErrorCode::internal, "[{}] was given {} bytes at {}, which are not the device's", kernel, bytes, data);
  }

 private:
  void protect(int protection) {
    for (const auto& [data, bytes] : regions_) ::mprotect(data, static_cast<size_t>(bytes), protection);
  }

  void run_waiting() {
    const std::vector<std::function<void()>> work = std::exchange(waiting_, {});
    protect(PROT_READ | PROT_WRITE);
    try {
      for (const auto& each : work) each();
    } catch (...) {
      protect(PROT_NONE);
      throw;
    }
    protect(PROT_NONE);
  }

  std::mutex mutex_;
  std::map<char*, int64_t> regions_;
  std::vector<std::function<void()>> waiting_;
  int sections_ = 0;
};

Disguise& disguise() {
  static Disguise* instance = new Disguise;  // outlives every tensor
  return *instance;
}

// The CPU's kernel of the same place in the table.
template <auto Kernel, typename Params>
void run_kernel(const Params& params) {
  for_each_pointer(params, [](const void* data, int64_t bytes) { disguise().expect_inside(typeid(Params).name(), data, bytes); });
  disguise().submit([params] { (cpu_kernels().*Kernel)(params); });
}

DeviceMemory memory() {
  return {.shared_with_host = false,
          .allocate = [](int64_t bytes) { return disguise().allocate(bytes); },
          .free = [](void* data, int64_t) { disguise().free(data); },
          .copy_to_host =
              [](const void* from, void* host, int64_t bytes) {
                disguise().expect_inside("copy_to_host", from, bytes);
                disguise().run([=] { std::memcpy(host, from, static_cast<size_t>(bytes)); });
              },
          .copy_from_host =
              [](const void* host, void* to, int64_t bytes) {
                disguise().expect_inside("copy_from_host", to, bytes);
                const auto* first = static_cast<const char*>(host);
                disguise().submit([to, kept = std::vector<char>(first, first + bytes)] { std::memcpy(to, kept.data(), kept.size()); });
              },
          .copy_within =
              [](const void* from, void* to, int64_t bytes) {
                disguise().expect_inside("copy_within", from, bytes);
                disguise().expect_inside("copy_within", to, bytes);
                disguise().submit([=] { std::memcpy(to, from, static_cast<size_t>(bytes)); });
              },
          .fill =
              [](void* to, unsigned char value, int64_t bytes) {
                disguise().expect_inside("fill", to, bytes);
                disguise().submit([=] { std::memset(to, value, static_cast<size_t>(bytes)); });
              }};
}

}  // namespace

const KernelTable& disguised_kernels() {
  static const KernelTable table{
      .name = "disguised",
      .memory = memory(),
      .stream = {.begin = [] { disguise().begin(); }, .wait = [] { disguise().wait(); }},
      .matmul = run_kernel<&KernelTable::matmul>,
      .packed_layout = [](int64_t depth, int64_t columns,
                          DType rows_type) { return cpu_kernels().packed_layout(depth, columns, rows_type); },
      .pack = run_kernel<&KernelTable::pack>,
      .unpack = run_kernel<&KernelTable::unpack>,
      .column_sum = run_kernel<&KernelTable::column_sum>,
      .activation = run_kernel<&KernelTable::activation>,
      .activation_backward = run_kernel<&KernelTable::activation_backward>,
      .dropout_add = run_kernel<&KernelTable::dropout_add>,
      .copy = run_kernel<&KernelTable::copy>,
      .layer_norm = run_kernel<&KernelTable::layer_norm>,
      .layer_norm_backward = run_kernel<&KernelTable::layer_norm_backward>,
      .gated_activation = run_kernel<&KernelTable::gated_activation>,
      .gated_activation_backward = run_kernel<&KernelTable::gated_activation_backward>,
      .xielu = run_kernel<&KernelTable::xielu>,
      .xielu_backward = run_kernel<&KernelTable::xielu_backward>,
      .clamp = run_kernel<&KernelTable::clamp>,
      .clamp_backward = run_kernel<&KernelTable::clamp_backward>,
      .rope = run_kernel<&KernelTable::rope>,
      .embedding = run_kernel<&KernelTable::embedding>,
      .embedding_backward = run_kernel<&KernelTable::embedding_backward>,
      .attention = run_kernel<&KernelTable::attention>,
      .attention_backward = run_kernel<&KernelTable::attention_backward>,
      .additive_attention = run_kernel<&KernelTable::additive_attention>,
      .additive_attention_backward = run_kernel<&KernelTable::additive_attention_backward>,
      .attention_map = run_kernel<&KernelTable::attention_map>,
      .gather_rows = run_kernel<&KernelTable::gather_rows>,
      .transpose = run_kernel<&KernelTable::transpose>,
      .recurrence = run_kernel<&KernelTable::recurrence>,
      .recurrence_backward = run_kernel<&KernelTable::recurrence_backward>,
      .recurrent_step = run_kernel<&KernelTable::recurrent_step>,
      .cross_entropy = run_kernel<&KernelTable::cross_entropy>,
      .log_softmax = run_kernel<&KernelTable::log_softmax>,
      .sum_of_squares = run_kernel<&KernelTable::sum_of_squares>,
      .adamw = run_kernel<&KernelTable::adamw>,
  };
  return table;
}

}  // namespace qkv
