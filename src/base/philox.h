// Philox4x32-10, a counter-based generator (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3):
// the same (key, counter) gives the same 128 bits on any machine and any thread, so a mask is recomputed instead of stored.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace qkv {

struct PhiloxKey {
  uint32_t low = 0, high = 0;
};

inline std::array<uint32_t, 4> philox(PhiloxKey key, std::array<uint32_t, 4> counter) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key.low, static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key.high, static_cast<uint32_t>(a)};
    key.low += 0x9E3779B9;
    key.high += 0xBB67AE85;
  }
  return counter;
}

// Random numbers for host code (initialization, shuffling); the whole state is seed, stream and position.
class RandomStream {
 public:
  explicit RandomStream(uint64_t seed, uint32_t stream = 0) : seed_(seed), stream_(stream) {}

  uint32_t next() {
    if (position_ % 4 == 0) {
      const uint64_t block = position_ / 4;
      block_ = philox({static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)},
                      {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), stream_, 0x716B76});
    }
    return block_[position_++ % 4];
  }
  // Uniform in [0, 1), 24 bits.
  float uniform() { return static_cast<float>(next() >> 8) * 0x1p-24f; }
  // Uniform in [0, bound), without noticeable bias for any bound in use (64-bit product).
  uint64_t below(uint64_t bound) {
    const uint64_t bits = (uint64_t{next()} << 32) | next();
    return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * bound) >> 64);
  }
  // Standard normal (Box and Muller 1958).
  float normal() {
    const double u = (next() + 1.0) * 0x1p-32, v = next() * 0x1p-32;
    return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v));
  }

 private:
  uint64_t seed_;
  uint32_t stream_;
  uint64_t position_ = 0;
  std::array<uint32_t, 4> block_{};
};

}  // namespace qkv
