// Reads Python's pickles of plain data. A pickle is a program for a stack machine that may call any function of Python; this reader runs no
// call: it accepts the names that its caller allows, records calls of them as values, and refuses all others by name.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

struct PickleValue {
  enum class Kind : uint8_t {
    none,
    boolean,
    integer,
    number,  // a float; its value is not kept
    text,    // a string or bytes
    tuple,
    list,
    dictionary,  // items: key, value, key, value, …
    global,      // text: "module.name"
    call,        // items: the global, its arguments as a tuple
    persistent,  // items: what identifies an object outside of the pickle
  };
  Kind kind = Kind::none;
  int64_t integer = 0;  // also of a boolean
  std::string_view text;
  std::vector<const PickleValue*> items;  // may form cycles
};

// "a list", for messages.
std::string_view name_of(PickleValue::Kind kind);

class PickleReader {
 public:
  // `bytes` must outlive the object. globals: the allowed names; "collections.OrderedDict" is always allowed and makes a dictionary. Memory
  // stays below 100 bytes for each byte that is read.
  PickleReader(std::string_view bytes, std::string file, std::span<const std::string_view> globals);

  // Reads the next pickle; several may follow each other. The value lives as long as the reader. Throws Error(bad_input) that names the
  // file and the place, or the name that is not allowed.
  const PickleValue& read();
  size_t position() const { return at_; }  // behind the last pickle

 private:
  using Kind = PickleValue::Kind;
  using Items = std::vector<const PickleValue*>;

  [[noreturn]] void damaged(std::string_view what) const;
  std::string_view take(uint64_t size);
  std::string_view line();
  uint64_t number(size_t size);
  PickleValue& add(Kind kind);
  PickleValue* pop();
  Items pop_to_mark();
  PickleValue& top();
  void push(PickleValue& value) { stack_.push_back(&value); }
  void push_text(std::string_view text);
  void push_value(Kind kind, int64_t integer);
  void push_items(Kind kind, Items items);
  void push_global(std::string_view module, std::string_view name);
  void push_long(std::string_view bytes);
  void append(PickleValue& list, const Items& items);
  void set_items(PickleValue& dictionary, const Items& items);
  void remember(uint64_t index);
  void recall(uint64_t index);
  void call();
  void build();
  bool run_simple(unsigned char opcode);
  bool run_collection(unsigned char opcode);
  bool run_memo_or_call(unsigned char opcode);

  std::string_view bytes_;
  std::string file_;
  std::span<const std::string_view> globals_;
  size_t at_ = 0;
  PickleValue none_, false_, true_;
  std::deque<PickleValue> values_;
  std::vector<PickleValue*> stack_, memo_;
  std::vector<size_t> marks_;
};

}  // namespace qkv
