// The angles of rotary positions (Su et al. 2021) and the scaling methods for texts longer than those seen in training.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/params.h"
#include "tensor/tensor.h"

namespace qkv {

// Names and meanings follow Hugging Face's `rope_parameters` ("rope_type").
enum class RopeScaling : uint8_t {
  none,
  linear,     // all frequencies divided by `factor` (Chen et al. 2023, "position interpolation")
  dynamic,    // the base grows with the sequence beyond `original_max_positions` ("dynamic NTK")
  yarn,       // interpolates slow pairs, keeps fast ones, with a linear ramp between (Peng et al. 2023)
  llama3,     // like yarn, but the ramp depends on the wavelength, as in Llama 3.1
  longrope,   // each pair has a factor of its own, another one beyond `original_max_positions` (Ding et al. 2024)
  ntk_alpha,  // the base grows by factor^(rotary_dim / (rotary_dim - 2)) whatever the length, as in Hunyuan ("alpha")
};

struct RopeOptions {
  int rotary_dim = 0;    // rotated columns of a head: twice the number of pairs
  double theta = 10000;  // the base: pair i rotates by position * theta^(-2 i / rotary_dim)
  RotaryPairs layout = RotaryPairs::halves;
  RopeScaling scaling = RopeScaling::none;
  double factor = 1;
  int64_t original_max_positions = 0;                // the length used in training; required by dynamic, yarn, llama3 and longrope
  double low_freq_factor = 1, high_freq_factor = 4;  // for llama3
  double beta_fast = 32, beta_slow = 1;              // for yarn: rotations within the original length at the ends of the ramp
  double attention_factor = 0;                       // for yarn and longrope: factor of cosines and sines; 0: derived from the others
  double mscale = 0, mscale_all_dim = 0;             // for yarn; 0: not given
  bool truncate = true;                              // for yarn: rounds the ramp's ends to integers
  std::vector<double> short_factors = {}, long_factors = {};  // for longrope: the divisor of each pair's frequency
  // Queries at position p are also multiplied by 1 + query_growth * ln(1 + floor(p / original_max_positions)), as in Llama 4
  // ("llama_4_scaling_beta"); 0: they are not.
  double query_growth = 0;

  bool operator==(const RopeOptions&) const = default;
};

// Throws an error with the key and its value if no angles can be computed. `rotary_dim` is not checked.
void validate(const RopeOptions& options);

// The options used by `scaling`; the others are reset to their defaults.
RopeOptions used_options(const RopeOptions& options);

// Do sequences of this length have other angles than short ones?
bool angles_depend_on_length(const RopeOptions& options, int64_t length);

// Angle per position of each pair, [rotary_dim / 2]. `length`: tokens of the sequence, used only by `dynamic` and `longrope`.
std::vector<double> rope_frequencies(const RopeOptions& options, int64_t length);

// The factor of cosines and sines: 1 except for yarn (Peng et al. 2023, section 3.4) and longrope (Ding et al. 2024, section 3.4).
double rope_attention_factor(const RopeOptions& options);

struct RopeTables {
  Tensor cosines, sines;              // [positions, rotary_dim / 2], f32 (f64 on the reference)
  Tensor query_cosines, query_sines;  // those of queries that grow with their position; else empty
};
// Tables of the positions first, …, first + count - 1; `length` as in rope_frequencies.
RopeTables rope_tables(const RopeOptions& options, int64_t first, int64_t count, int64_t length, Device device = Device::cpu);

}  // namespace qkv
