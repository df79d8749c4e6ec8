#include "decode/kv_cache.h"

#include <algorithm>
#include <utility>

namespace qkv {

KvCache::Table::~Table() {
  for (const int32_t block : blocks_) cache_->drop_block(block);
}

void KvCache::Table::swap(Table& other) noexcept {
  std::swap(cache_, other.cache_);
  std::swap(blocks_, other.blocks_);
  std::swap(length_, other.length_);
}

std::vector<int32_t> KvCache::Table::rows() const {
  std::vector<int32_t> rows(static_cast<size_t>(length_));
  for (int32_t i = 0; i < length_; ++i) {
    rows[static_cast<size_t>(i)] = blocks_[static_cast<size_t>(i / kBlockRows)] * kBlockRows + i % kBlockRows;
  }
  return rows;
}

KvCache::KvCache(std::span<const int64_t> widths, DType dtype, Device device) {
  for (const int64_t width : widths) {
    for (int i = 0; i < 2; ++i) memory_.emplace_back(width, dtype, device);
    layers_.push_back({memory_[memory_.size() - 2].tensor(), memory_.back().tensor()});
  }
}

KvCache::Table KvCache::fork(const Table& table) {
  QKV_CHECK(table.cache_ == this, "[kv_cache] a table of another cache");
  Table copy(this);
  copy.blocks_ = table.blocks_;
  copy.length_ = table.length_;
  for (const int32_t block : copy.blocks_) ++owners_[static_cast<size_t>(block)];
  return copy;
}

void KvCache::extend(Table& table, int32_t count, std::vector<int32_t>& rows) {
  QKV_CHECK(table.cache_ == this, "[kv_cache] a table of another cache");
  QKV_CHECK(count >= 0 && count <= INT32_MAX - kBlockRows - table.length_, "[kv_cache] {} tokens after {}", count, table.length_);
  const int32_t used = table.length_ % kBlockRows;  // rows used in the last block
  Table longer(this);                               // returns its blocks if a later allocation throws
  if (used != 0 && count > 0 && owners_[static_cast<size_t>(table.blocks_.back())] > 1) {
    longer.blocks_.push_back(take_block());
    copy_rows_of_block(table.blocks_.back(), longer.blocks_.front(), used);
    drop_block(std::exchange(table.blocks_.back(), longer.blocks_.front()));
    longer.blocks_.clear();
  }
  const auto wanted = static_cast<size_t>((table.length_ + count + kBlockRows - 1) / kBlockRows);
  table.blocks_.reserve(wanted);
  while (table.blocks_.size() + longer.blocks_.size() < wanted) longer.blocks_.push_back(take_block());
  table.blocks_.insert(table.blocks_.end(), longer.blocks_.begin(), longer.blocks_.end());
  longer.blocks_.clear();
  for (int32_t i = 0; i < count; ++i, ++table.length_) {
    rows.push_back(table.blocks_[static_cast<size_t>(table.length_ / kBlockRows)] * kBlockRows + table.length_ % kBlockRows);
  }
}

int32_t KvCache::take_block() {
  if (free_.empty()) {
    const int64_t rows = (blocks() + 1) * kBlockRows;
    QKV_CHECK(rows <= INT32_MAX, "[kv_cache] more than {} tokens at once", INT32_MAX);
    for (GrowingRows& each : memory_) each.reserve(rows);
    owners_.push_back(0);
    if (free_.capacity() < owners_.capacity()) free_.reserve(owners_.capacity());  // so that returning a block never fails
    free_.push_back(static_cast<int32_t>(owners_.size()) - 1);
  }
  const int32_t block = free_.back();
  free_.pop_back();
  owners_[static_cast<size_t>(block)] = 1;
  return block;
}

void KvCache::drop_block(int32_t block) {
  if (--owners_[static_cast<size_t>(block)] == 0) free_.push_back(block);
}

void KvCache::copy_rows_of_block(int32_t from, int32_t to, int32_t count) {
  for (const GrowingRows& each : memory_) {
    const View rows = each.tensor().view();
    kernels_for(each.tensor())
        .memory.copy_within(rows.rows_from(int64_t{from} * kBlockRows, count).data, rows.rows_from(int64_t{to} * kBlockRows, count).data,
                            count * rows.stride * size_of(rows.dtype));
  }
}

}  // namespace qkv
