#include "text/token_models/word_cache.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

namespace qkv {
namespace {

constexpr size_t kSlots = size_t{1} << 15;  // 128 bytes each: 4 MiB

template <typename T>
T read(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Acquire and release order the head's second read after the rest of a slot, and the rest's writes after the head. They replace fences,
// which the thread sanitizer does not understand. On x86 both cost nothing.
uint64_t load(const uint64_t& value) { return std::atomic_ref(const_cast<uint64_t&>(value)).load(std::memory_order_acquire); }
void store(uint64_t& value, uint64_t now) { std::atomic_ref(value).store(now, std::memory_order_release); }

size_t units_of(const WordCache::Key& key) { return (key.size + 7) / 8; }

}  // namespace

// Reads no byte beyond the word and copies nothing byte by byte: the tail of a word of at least eight bytes is read together with bytes
// before it.
WordCache::Key::Key(std::string_view word) {
  if (word.size() > kMaxWord) return;
  size = word.size();
  const char* data = word.data();
  const size_t whole = size / 8, rest = size % 8;
  for (size_t i = 0; i < whole; ++i) units[i] = read<uint64_t>(data + 8 * i);
  if (rest > 0) {
    if (whole > 0) {
      units[whole] = read<uint64_t>(data + size - 8) >> (8 * (8 - rest));
    } else if (rest >= 4) {
      units[0] = read<uint32_t>(data) | static_cast<uint64_t>(read<uint32_t>(data + rest - 4)) << (8 * (rest - 4));
    } else {
      const auto byte = [&](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(data[i])); };
      units[0] = byte(0) | byte(rest / 2) << (8 * (rest / 2)) | byte(rest - 1) << (8 * (rest - 1));
    }
  }
  hash = size * 0x9E3779B97F4A7C15u;
  for (size_t i = 0; i < units_of(*this); ++i) {
    const auto product = static_cast<unsigned __int128>(hash ^ units[i]) * 0xA0761D6478BD642Fu;
    hash = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
}

struct WordCache::Table {
  // head: version << 16
  // bytes of the word << 8
  // number of ids. 0: empty. All values are read and written atomically.
  struct alignas(128) Slot {
    uint64_t head;
    std::array<uint64_t, kMaxWord / 8> word;
    std::array<uint64_t, kMaxIds / 2> ids;
  };
  static constexpr uint64_t kWriting = uint64_t{1} << 16;  // the lowest bit of the version

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::once_flag made;
  std::atomic<Slot*> slots{nullptr};
  std::unique_ptr<void, Free> memory;  // allocated with the first word; the system provides zeroed pages as words come

  Slot* all() {
    if (Slot* known = slots.load(std::memory_order_acquire)) return known;
    std::call_once(made, [&] {
      size_t space = (kSlots + 1) * sizeof(Slot);
      memory.reset(std::calloc(space, 1));
      void* aligned = memory.get();
      if (!aligned) throw std::bad_alloc();
      slots.store(static_cast<Slot*>(std::align(alignof(Slot), kSlots * sizeof(Slot), aligned, space)), std::memory_order_release);
    });
    return slots.load(std::memory_order_acquire);
  }
};

WordCache::WordCache() : table_(std::make_unique<Table>()) {}
WordCache::~WordCache() = default;
WordCache::WordCache(WordCache&&) noexcept = default;

WordCache::Key WordCache::look_ahead(std::string_view word) const {
  const Key key(word);
  if (const Table::Slot* slots = table_->slots.load(std::memory_order_relaxed)) {
    const auto* slot = reinterpret_cast<const char*>(&slots[key.hash % kSlots]);
    __builtin_prefetch(slot);
    __builtin_prefetch(slot + 64);
  }
  return key;
}

bool WordCache::find(const Key& key, std::vector<int32_t>& ids) const {
  if (key.size == 0) return false;
  const Table::Slot* slots = table_->slots.load(std::memory_order_acquire);
  if (!slots) return false;
  const Table::Slot& slot = slots[key.hash % kSlots];
  const uint64_t head = load(slot.head);
  if ((head & Table::kWriting) != 0 || (head >> 8 & 0xFF) != key.size) return false;
  for (size_t i = 0; i < units_of(key); ++i) {
    if (load(slot.word[i]) != key.units[i]) return false;
  }
  const size_t count = head & 0xFF;
  std::array<int32_t, kMaxIds> found;
  for (size_t i = 0; 2 * i < count; ++i) {
    const uint64_t pair = load(slot.ids[i]);
    found[2 * i] = static_cast<int32_t>(pair);
    found[2 * i + 1] = static_cast<int32_t>(pair >> 32);
  }
  if (load(slot.head) != head) return false;
  if (count == 1) {
    ids.push_back(found[0]);
  } else {
    ids.insert(ids.end(), found.begin(), found.begin() + static_cast<ptrdiff_t>(count));
  }
  return true;
}

void WordCache::keep(const Key& key, std::span<const int32_t> ids) const {
  if (key.size == 0 || ids.size() > kMaxIds) return;
  Table::Slot& slot = table_->all()[key.hash % kSlots];
  uint64_t head = load(slot.head);
  if ((head & Table::kWriting) != 0) return;  // another thread is writing
  const uint64_t writing = head | Table::kWriting;
  if (!std::atomic_ref(slot.head).compare_exchange_strong(head, writing, std::memory_order_acquire, std::memory_order_relaxed)) return;
  for (size_t i = 0; i < units_of(key); ++i) store(slot.word[i], key.units[i]);
  for (size_t i = 0; 2 * i < ids.size(); ++i) {
    const uint64_t second = 2 * i + 1 < ids.size() ? static_cast<uint32_t>(ids[2 * i + 1]) : 0;
    store(slot.ids[i], second << 32 | static_cast<uint32_t>(ids[2 * i]));
  }
  const uint64_t version = (head >> 16) + 2;
  store(slot.head, version << 16 | key.size << 8 | ids.size());
}

}  // namespace qkv
