// The keys and values of all tokens that sequences have read, in blocks that sequences share.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nn/kept_rows.h"
#include "tensor/growing_rows.h"

namespace qkv {

// Memory is cut into blocks of kBlockRows rows, the same for keys and values of all layers. A sequence owns a table of blocks; a fork
// shares them, and only the last block, if it is not full, is copied, once one of its owners writes on. Sequences change places by moving
// their tables. Blocks nobody owns any more are used again. The rows grow by moving pages (GrowingRows) instead of being reserved for the
// longest request: most requests end far before what they may need, and an address space that is limited would refuse them.
class KvCache {
 public:
  // Attention reads lists of rows, so it asks for no long blocks; and a fork copies less of short ones. Beam search with a tiny model took
  // 12 % longer with 16 rows, and with 1, where nothing is ever copied, as long.
  static constexpr int32_t kBlockRows = 2;

  // The blocks of one sequence, given back when it goes. Its cache must outlive it.
  class Table {
   public:
    Table() = default;  // of no cache, without rows
    Table(Table&& other) noexcept { swap(other); }
    Table& operator=(Table&& other) noexcept {
      Table taken(std::move(other));
      swap(taken);
      return *this;
    }
    ~Table();

    int32_t length() const { return length_; }  // tokens
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

  // widths: columns of each layer's keys and values.
  KvCache(std::span<const int64_t> widths, DType dtype, Device device);
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  Table create() { return Table(this); }
  // Another sequence with the same tokens.
  Table fork(const Table& table);
  // Room for `count` more tokens, whose rows are appended to `rows`. Where it throws, the table is unchanged.
  void extend(Table& table, int32_t count, std::vector<int32_t>& rows);

  // [rows, width] of each layer; they grow with extend().
  const std::vector<KeyValueRows>& layers() const { return layers_; }
  int64_t blocks() const { return std::ssize(owners_); }
  int64_t free_blocks() const { return std::ssize(free_); }

 private:
  int32_t take_block();
  void drop_block(int32_t block);
  void copy_rows_of_block(int32_t from, int32_t to, int32_t count);

  std::vector<GrowingRows> memory_;   // keys and values of each layer in turn
  std::vector<KeyValueRows> layers_;  // the same
  std::vector<int32_t> owners_;       // how many tables have each block
  std::vector<int32_t> free_;         // the last one is taken first: its memory was used last
};

}  // namespace qkv
