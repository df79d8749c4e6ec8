// The weights of a model as one row of values, which several processes divide among them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/parameters.h"

namespace qkv {

// Values [begin, begin + count) of a parameter, which lie in the row from `offset` on, and in a row of some parts alone from `own` on.
struct ParameterPiece {
  size_t parameter = 0;
  int64_t begin = 0, count = 0, offset = 0, own = 0;
};

// The parameters lie in the row in their order, each from a multiple of 16 values on; values between them are zero. Buckets of whole
// parameters, about 4 MiB each, are transferred on their own. Each bucket is cut into `parts` equal parts, whose number does not depend on
// the processes.
class ParameterRow {
 public:
  ParameterRow(const ParameterStore& parameters, int parts);

  int64_t size() const { return size_; }
  int parts() const { return parts_; }
  size_t buckets() const { return buckets_.size(); }
  size_t bucket_of(size_t parameter) const { return bucket_of_[parameter]; }
  // The first value of a part of a bucket; part == parts(): the end of the bucket.
  int64_t begin_of(size_t bucket, int part) const;
  // What parts [first, last) are of each bucket: `count` values from `begin` on in the row, from `own` on in a row of these parts alone.
  struct Segment {
    int64_t begin = 0, count = 0, own = 0;
  };
  std::vector<Segment> segments(int first, int last) const;
  int64_t size_of_parts(int first, int last) const;
  // The pieces of parts [first, last), in the order of the row: parameters are cut where parts are.
  std::vector<ParameterPiece> pieces(int first, int last) const;

  // The parameters' values in a row: tensors that share its memory. `values`: [size(), 1].
  std::vector<Tensor> views(const Tensor& values) const;

 private:
  struct Bucket {
    size_t first = 0, last = 0;  // parameters
    int64_t begin = 0, end = 0;
  };

  std::vector<Shape> shapes_;
  std::vector<int64_t> offsets_, counts_;
  std::vector<size_t> bucket_of_;
  std::vector<Bucket> buckets_;
  int64_t size_ = 0;
  int parts_;
};

// The memory of a piece's values in its parameter, or in a tensor of the same shape.
View piece_view(const Tensor& tensor, const ParameterPiece& piece);
// Values [begin, begin + count) of a row.
View row_view(const Tensor& row, int64_t begin, int64_t count);

}  // namespace qkv
