// The keys and values of all tokens read by sequences, in blocks that sequences share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/kept_rows.h"
#include "tensor/growing_rows.h"

namespace qkv {

// Memory is divided into blocks of kBlockRows rows, with equal indices for the keys and values of all layers. A sequence owns a table of
// blocks. A fork shares them; only a partial last block is copied, when one of its owners writes to it. Reordering sequences moves their
// tables, and blocks without an owner are reused. The rows grow by remapping pages (GrowingRows) instead of being reserved for the longest
// request: most requests end early, and a limited address space would refuse the reservation.
class KvCache {
 public:
  // Attention reads lists of rows, so long blocks have no advantage, and short ones make forks cheaper. Compared with 2 rows, beam search
  // with a tiny model took 12 % longer with 16 rows, and equally long with 1, where nothing is ever copied.
  static constexpr int32_t kBlockRows = 2;

  // The blocks of one sequence, returned on destruction. The cache must outlive it.
  class Table {
   public:
    Table() = default;  // a table without a cache or rows
    Table(Table&& other) noexcept { swap(other); }
    Table& operator=(Table&& other) noexcept {
      Table taken(std::move(other));
      swap(taken);
      return *this;
    }
    ~Table();

    int32_t length() const { return length_; }  // in tokens
    // The row of each token.
    std::vector<int32_t> rows() const;

   private:
    friend class KvCache;
    explicit Table(KvCache* cache) : cache_(cache) {}
    void swap(Table& other) noexcept;

    KvCache* cache_ = nullptr;
    std::vector<int32_t> blocks_;
    int32_t length_ = 0;
  };

  // widths: columns of the keys and values of each layer.
  KvCache(std::span<const int64_t> widths, DType dtype, Device device);
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  Table create() { return Table(this); }
  // A table for a sequence with the same tokens, sharing the blocks.
  Table fork(const Table& table);
  // Makes room for `count` more tokens and appends their rows to `rows`. If it throws, the table is unchanged.
  void extend(Table& table, int32_t count, std::vector<int32_t>& rows);

  // [rows, width] per layer; extend() increases the number of rows.
  const std::vector<KeyValueRows>& layers() const { return layers_; }
  int64_t blocks() const { return std::ssize(owners_); }
  int64_t free_blocks() const { return std::ssize(free_); }

 private:
  int32_t take_block();
  void drop_block(int32_t block);
  void copy_rows_of_block(int32_t from, int32_t to, int32_t count);

  std::vector<GrowingRows> memory_;   // keys and values of each layer, alternating
  std::vector<KeyValueRows> layers_;  // views of memory_
  std::vector<int32_t> owners_;       // number of tables that use each block
  std::vector<int32_t> free_;         // used as a stack: the most recently used block is taken first
};

}  // namespace qkv
