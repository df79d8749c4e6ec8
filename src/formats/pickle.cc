// Opcodes and their meaning: CPython's Lib/pickle.py and Lib/pickletools.py.
#include "formats/pickle.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace qkv {
namespace {

constexpr std::string_view kOrderedDict = "collections.OrderedDict";

constexpr size_t kMostMarks = 1'000;  // collections inside of each other; Python itself stops at that depth

}  // namespace

std::string_view name_of(PickleValue::Kind kind) {
  switch (kind) {
    case PickleValue::Kind::none: return "None";
    case PickleValue::Kind::boolean: return "a boolean";
    case PickleValue::Kind::integer:
    case PickleValue::Kind::number: return "a number";
    case PickleValue::Kind::text: return "a string";
    case PickleValue::Kind::tuple: return "a tuple";
    case PickleValue::Kind::list: return "a list";
    case PickleValue::Kind::dictionary: return "a dictionary";
    case PickleValue::Kind::global: return "a name";
    case PickleValue::Kind::call: return "an object";
    case PickleValue::Kind::persistent: return "a storage";
  }
  return "";
}

PickleReader::PickleReader(std::string_view bytes, std::string file, std::span<const std::string_view> globals)
    : bytes_(bytes), file_(std::move(file)), globals_(globals) {
  false_.kind = true_.kind = Kind::boolean;
  true_.integer = 1;
}

void PickleReader::damaged(std::string_view what) const {
  fail(ErrorCode::bad_input, "{}: at byte {} of its pickle: {}; the file is damaged or was cut", file_, at_, what);
}

std::string_view PickleReader::take(uint64_t size) {
  if (size > bytes_.size() - at_) damaged("it ends in the middle of a value");
  const std::string_view taken = bytes_.substr(at_, size);
  at_ += size;
  return taken;
}

std::string_view PickleReader::line() {
  const size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) damaged("it ends in the middle of a value");
  const std::string_view taken = take(end - at_);
  ++at_;
  return taken;
}

// Little-endian and unsigned.
uint64_t PickleReader::number(size_t size) {
  uint64_t value = 0;
  for (const char byte : take(size)) value = value >> 8 | uint64_t{static_cast<unsigned char>(byte)} << (8 * size - 8);
  return value;
}

PickleValue& PickleReader::add(Kind kind) {
  PickleValue& value = values_.emplace_back();
  value.kind = kind;
  return value;
}

PickleValue* PickleReader::pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("a value is taken that is not there");
  PickleValue* value = stack_.back();
  stack_.pop_back();
  return value;
}

PickleValue& PickleReader::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("a value is changed that is not there");
  return *stack_.back();
}

// The values above the last mark.
PickleReader::Items PickleReader::pop_to_mark() {
  if (marks_.empty()) damaged("a mark is taken that is not there");
  const auto first = stack_.begin() + static_cast<int64_t>(marks_.back());
  Items items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleReader::push_value(Kind kind, int64_t integer) {
  PickleValue& value = add(kind);
  value.integer = integer;
  push(value);
}

void PickleReader::push_text(std::string_view text) {
  PickleValue& value = add(Kind::text);
  value.text = text;
  push(value);
}

void PickleReader::push_items(Kind kind, Items items) {
  PickleValue& value = add(kind);
  value.items = std::move(items);
  push(value);
}

// An integer of any length; those beyond 64 bits keep their bytes as text.
void PickleReader::push_long(std::string_view bytes) {
  if (bytes.size() > 8) return push_text(bytes);
  uint64_t value = !bytes.empty() && static_cast<signed char>(bytes.back()) < 0 ? ~uint64_t{0} : 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  push_value(Kind::integer, static_cast<int64_t>(value));
}

void PickleReader::push_global(std::string_view module, std::string_view name) {
  const auto is_it = [&](std::string_view allowed) {
    return allowed.size() == module.size() + 1 + name.size() && allowed.starts_with(module) && allowed[module.size()] == '.' &&
           allowed.ends_with(name);
  };
  PickleValue& value = add(Kind::global);
  push(value);
  if (is_it(kOrderedDict)) {
    value.text = kOrderedDict;
    return;
  }
  const auto found = std::find_if(globals_.begin(), globals_.end(), is_it);
  if (found == globals_.end()) {
    fail(ErrorCode::bad_input,
         "{}: its pickle asks Python for {}.{}, which only Python could run; files of tensors and dictionaries alone are read. Where you "
         "trust the file, open it with transformers and save it again with save_pretrained",
         file_, shortened(std::string(module), 100), shortened(std::string(name), 100));
  }
  value.text = *found;
}

void PickleReader::append(PickleValue& list, const Items& items) {
  if (list.kind != Kind::list) damaged(fmt::format("values are appended to {}", name_of(list.kind)));
  list.items.insert(list.items.end(), items.begin(), items.end());
}

void PickleReader::set_items(PickleValue& dictionary, const Items& items) {
  if (dictionary.kind != Kind::dictionary) damaged(fmt::format("keys are set in {}", name_of(dictionary.kind)));
  if (items.size() % 2 != 0) damaged("a key has no value");
  dictionary.items.insert(dictionary.items.end(), items.begin(), items.end());
}

// Some writers begin with 1 or leave gaps, but each place has been written by some bytes.
void PickleReader::remember(uint64_t index) {
  if (index > at_) damaged("a place of its memo is out of range");
  if (index >= memo_.size()) memo_.resize(index + 1);
  memo_[index] = &top();
}

void PickleReader::recall(uint64_t index) {
  if (index >= memo_.size() || !memo_[index]) damaged("its memo has no such place");
  push(*memo_[index]);
}

// Calls a global with a tuple of arguments: recorded, except that OrderedDict makes a dictionary, in Python 2 of a list of pairs.
void PickleReader::call() {
  PickleValue* arguments = pop();
  PickleValue* function = pop();
  if (function->kind != Kind::global || arguments->kind != Kind::tuple) damaged(fmt::format("{} is called", name_of(function->kind)));
  if (function->text != kOrderedDict) return push_items(Kind::call, {function, arguments});
  Items items;
  if (!arguments->items.empty()) {
    for (const PickleValue* pair : arguments->items.front()->items) {
      if (pair->items.size() != 2) damaged("OrderedDict is called with something else than pairs");
      items.insert(items.end(), pair->items.begin(), pair->items.end());
    }
  }
  push_items(Kind::dictionary, std::move(items));
}

// State of an object: that of a dictionary (_metadata of a state_dict) says nothing about the values.
void PickleReader::build() {
  pop();
  if (top().kind != Kind::dictionary) damaged(fmt::format("a state is given to {}", name_of(top().kind)));
}

bool PickleReader::run_simple(unsigned char opcode) {
  switch (opcode) {
    case 0x80: number(1); return true;  // PROTO
    case 0x95: number(8); return true;  // FRAME
    case 'N': push(none_); return true;
    case 0x88: push(true_); return true;
    case 0x89: push(false_); return true;
    case 'J': push_value(Kind::integer, static_cast<int32_t>(number(4))); return true;
    case 'K': push_value(Kind::integer, static_cast<int64_t>(number(1))); return true;
    case 'M': push_value(Kind::integer, static_cast<int64_t>(number(2))); return true;
    case 0x8a: push_long(take(number(1))); return true;
    case 0x8b: push_long(take(number(4))); return true;
    case 'G':
      number(8);
      push_value(Kind::number, 0);
      return true;
    case 'X':
    case 'T':
    case 'B': push_text(take(number(4))); return true;
    case 0x8c:
    case 'U':
    case 'C': push_text(take(number(1))); return true;
    case 0x8d:
    case 0x8e: push_text(take(number(8))); return true;
    default: return false;
  }
}

bool PickleReader::run_collection(unsigned char opcode) {
  switch (opcode) {
    case '(':
      if (marks_.size() >= kMostMarks) damaged("its marks are nested too deeply");
      marks_.push_back(stack_.size());
      return true;
    case '}': push_items(Kind::dictionary, {}); return true;
    case ']': push_items(Kind::list, {}); return true;
    case ')': push_items(Kind::tuple, {}); return true;
    case 't': push_items(Kind::tuple, pop_to_mark()); return true;
    case 'l': push_items(Kind::list, pop_to_mark()); return true;
    case 'd': {
      const Items items = pop_to_mark();
      push_items(Kind::dictionary, {});
      set_items(top(), items);
      return true;
    }
    case 0x85:
    case 0x86:
    case 0x87: {
      Items items(opcode - 0x84u);
      for (size_t i = items.size(); i > 0; --i) items[i - 1] = pop();
      push_items(Kind::tuple, std::move(items));
      return true;
    }
    case 'a': {
      const Items item{pop()};
      append(top(), item);
      return true;
    }
    case 'e': {
      const Items items = pop_to_mark();
      append(top(), items);
      return true;
    }
    case 's': {
      const PickleValue* value = pop();
      const PickleValue* key = pop();
      set_items(top(), {key, value});
      return true;
    }
    case 'u': {
      const Items items = pop_to_mark();
      set_items(top(), items);
      return true;
    }
    default: return false;
  }
}

bool PickleReader::run_memo_or_call(unsigned char opcode) {
  switch (opcode) {
    case 'q': remember(number(1)); return true;
    case 'r': remember(number(4)); return true;
    case 0x94: remember(memo_.size()); return true;
    case 'h': recall(number(1)); return true;
    case 'j': recall(number(4)); return true;
    case 'c': {
      const std::string_view module = line();
      push_global(module, line());
      return true;
    }
    case 0x93: {
      const PickleValue* name = pop();
      const PickleValue* module = pop();
      if (name->kind != Kind::text || module->kind != Kind::text) damaged("a name is no string");
      push_global(module->text, name->text);
      return true;
    }
    case 'Q': {
      Items id{pop()};
      push_items(Kind::persistent, std::move(id));
      return true;
    }
    case 'R': call(); return true;
    case 'b': build(); return true;
    case '0': pop(); return true;
    default: return false;
  }
}

const PickleValue& PickleReader::read() {
  stack_.clear();
  marks_.clear();
  memo_.clear();
  while (true) {
    const auto opcode = static_cast<unsigned char>(number(1));
    if (opcode == '.') {
      if (stack_.size() != 1 || !marks_.empty()) damaged("it does not end with one value");
      return *stack_.back();
    }
    if (run_simple(opcode) || run_collection(opcode) || run_memo_or_call(opcode)) continue;
    --at_;
    damaged(fmt::format("the operation {:#04x} is none of a pickle of tensors and dictionaries", opcode));
  }
}

}  // namespace qkv
