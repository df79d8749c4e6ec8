#include "text/files/json_slices.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/utf8.h"
#include "formats/json.h"
#include "formats/json_node.h"
#include "formats/json_text.h"
#include "qkv/error.h"
#include "text/files/token_limits.h"

namespace qkv {
namespace {

using nlohmann::json;

// Bytes that matter for finding the end of a value.
constexpr std::array<bool, 256> kMatters = [] {
  std::array<bool, 256> matters{};
  for (const char c : {'"', '{', '}', '[', ']'}) matters[static_cast<unsigned char>(c)] = true;
  return matters;
}();

// A cursor over JSON text; throws NotPlain on any fault.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  const char* at() const { return at_; }
  void skip_space() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }
  bool take(char c) {  // skips white space first
    skip_space();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) throw NotPlain{};
  }
  bool at_end() {
    skip_space();
    return at_ == end_;
  }
  char peek() {
    skip_space();
    return at_ < end_ ? *at_ : '\0';
  }

  // Reads a string. The view points into the text, or into `unescaped` if there were escapes.
  std::string_view string(std::string& unescaped) {
    expect('"');
    const char* begin = at_;
    while (true) {
      if (at_ == end_ || static_cast<unsigned char>(*at_) < 0x20) throw NotPlain{};
      if (*at_ == '"') return {begin, static_cast<size_t>(at_++ - begin)};
      if (*at_ == '\\') break;
      ++at_;
    }
    unescaped.assign(begin, at_);
    while (true) {
      if (at_ == end_ || static_cast<unsigned char>(*at_) < 0x20) throw NotPlain{};
      const char c = *at_++;
      if (c == '"') return unescaped;
      if (c == '\\') {
        escape(unescaped);
      } else {
        unescaped.push_back(c);
      }
    }
  }

  // Reads an integer without sign, fraction or exponent.
  int64_t number() {
    skip_space();
    int64_t value = 0;
    const auto [stop, error] = std::from_chars(at_, end_, value);
    const bool plain = error == std::errc() && *at_ != '-' && (*at_ != '0' || stop == at_ + 1);
    if (!plain || (stop < end_ && (*stop == '.' || *stop == 'e' || *stop == 'E'))) throw NotPlain{};
    at_ = stop;
    return value;
  }

  // Skips a value of any kind without validating it: to its last bracket, quote, or character.
  void skip_value() {
    skip_space();
    int64_t depth = 0;
    do {
      if (depth > 0) {
        while (at_ < end_ && !kMatters[static_cast<unsigned char>(*at_)]) ++at_;
      }
      if (at_ == end_) throw NotPlain{};
      const char c = *at_;
      if (c == '"') {
        skip_string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (depth < 0) throw NotPlain{};
      if (depth == 0 && c != '}' && c != ']') {  // a number or a name
        while (at_ < end_ && !std::strchr(",]} \n\r\t", *at_)) ++at_;
        return;
      }
      ++at_;
    } while (depth > 0);
  }

 private:
  void skip_string() {
    for (++at_;; ++at_) {
      at_ = static_cast<const char*>(std::memchr(at_, '"', static_cast<size_t>(end_ - at_)));
      if (!at_) throw NotPlain{};
      const char* back = at_;
      while (back[-1] == '\\') --back;
      if ((at_ - back) % 2 == 0) break;
    }
    ++at_;
  }

  void escape(std::string& text) {
    if (at_ == end_) throw NotPlain{};
    constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const char c = *at_++;
    if (const size_t i = kNames.find(c); i != std::string_view::npos) {
      text.push_back(kValues[i]);
      return;
    }
    if (c != 'u') throw NotPlain{};
    uint32_t unit = four_digits();
    if (unit >= 0xD800 && unit < 0xDC00) {
      if (end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') throw NotPlain{};
      at_ += 2;
      const uint32_t low = four_digits();
      if (low < 0xDC00 || low > 0xDFFF) throw NotPlain{};
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    } else if (unit >= 0xDC00 && unit <= 0xDFFF) {
      throw NotPlain{};
    }
    append_utf8(text, unit);
  }
  uint32_t four_digits() {
    if (end_ - at_ < 4) throw NotPlain{};
    uint32_t value = 0;
    const auto [stop, error] = std::from_chars(at_, at_ + 4, value, 16);
    if (error != std::errc() || stop != at_ + 4) throw NotPlain{};
    at_ += 4;
    return value;
  }

  const char* at_;
  const char* end_;
};

struct Slice {
  const char* name;
  std::string_view text;
};

// Finds the large values of "model", in the order of the file.
std::vector<Slice> find_slices(std::string_view text, size_t least) {
  std::vector<Slice> slices;
  std::string unescaped;
  Cursor in(text);
  // Calls see(key) for each member of an object, with the cursor in front of the value; see() consumes it.
  const auto for_each_member = [&](const auto& see) {
    in.expect('{');
    if (in.take('}')) return;
    do {
      const std::string key(in.string(unescaped));
      in.expect(':');
      see(key);
    } while (in.take(','));
    in.expect('}');
  };
  for_each_member([&](const std::string& key) {
    if (key != "model" || in.peek() != '{') return in.skip_value();
    for_each_member([&](const std::string& member) {
      const char first = in.peek();
      const char* begin = in.at();
      in.skip_value();
      const std::string_view value(begin, static_cast<size_t>(in.at() - begin));
      if (value.size() < least) return;
      if (member == "vocab" && first == '{') slices.push_back({"vocab", value});
      if (member == "merges" && first == '[') slices.push_back({"merges", value});
    });
  });
  return slices;
}

std::string_view text_of(const json& slice) {
  const auto& bytes = slice.get_binary();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::optional<json> parse_with_slices(std::string_view text, const std::string& file, size_t least) {
  if (!is_valid_utf8(text)) return std::nullopt;
  try {
    const std::vector<Slice> slices = find_slices(text, least);
    if (slices.empty()) return std::nullopt;
    std::string rest;
    const char* copied = text.data();
    for (const Slice& slice : slices) {
      rest.append(copied, slice.text.data()).append("null");
      copied = slice.text.data() + slice.text.size();
    }
    rest.append(copied, text.data() + text.size());
    json document = parse_json(rest, file);  // rejects duplicate members
    for (const Slice& slice : slices) {
      document["model"][slice.name] = json::binary(std::vector<uint8_t>(slice.text.begin(), slice.text.end()));
    }
    return document;
  } catch (const NotPlain&) {
  } catch (const Error&) {
  }
  return std::nullopt;
}

bool is_slice(const json& value) { return value.is_binary(); }

std::string text_with_slices(const json& document) {
  std::string text = "{";
  const auto append = [&](std::string_view name, const json& value) {
    if (text.back() != '{') text.push_back(',');
    append_quoted(text, name);
    text.push_back(':');
    is_slice(value) ? text.append(text_of(value)) : text.append(value.dump());
  };
  for (const auto& [name, value] : document.items()) {
    if (name != "model") append(name, value);
  }
  if (const auto model = document.find("model"); model != document.end() && model->is_object()) {
    text.append(text.size() > 1 ? ",\"model\":{" : "\"model\":{");
    for (const auto& [name, value] : model->items()) append(name, value);
    text.push_back('}');
  }
  return text.append("}\n");
}

Vocabulary read_vocabulary_slice(const json& slice) {
  Cursor in(text_of(slice));
  std::string unescaped;
  std::vector<std::string> tokens;
  int64_t entries = 0;
  // An id may exceed the number of tokens read so far; the total is only known at the end.
  const auto bytes = static_cast<int64_t>(text_of(slice).size());
  int64_t largest = -1;
  in.expect('{');
  if (!in.take('}')) {
    do {
      const std::string_view token = in.string(unescaped);
      in.expect(':');
      const int64_t id = in.number();
      if (token.empty() || id >= bytes / 4 + kMaxHoles) throw NotPlain{};  // "a":1 has five bytes
      if (id >= static_cast<int64_t>(tokens.size())) {
        if (id >= static_cast<int64_t>(tokens.capacity())) tokens.reserve(std::max(2 * tokens.capacity(), static_cast<size_t>(id) + 1));
        tokens.resize(static_cast<size_t>(id) + 1);
      }
      std::string& place = tokens[static_cast<size_t>(id)];
      if (!place.empty()) throw NotPlain{};
      place = token;
      largest = std::max(largest, id);
      ++entries;
    } while (in.take(','));
    in.expect('}');
  }
  if (!in.at_end() || largest >= entries + kMaxHoles) throw NotPlain{};
  Vocabulary vocabulary(std::move(tokens));
  if (vocabulary.has_equal_tokens()) throw NotPlain{};
  return vocabulary;
}

namespace {

// Looks up the parts of merges, a few at a time.
class MergeReader {
 public:
  MergeReader(const Vocabulary& vocabulary, std::string_view prefix) : vocabulary_(vocabulary), prefix_(prefix) {}

  void add(std::string_view left, std::string_view right) {
    if (right.size() < prefix_.size()) throw NotPlain{};
    Waiting& merge = waiting_[count_];
    merge.left = left;
    merge.right = right;
    merge.left_hash = vocabulary_.look_ahead(left);
    merge.right_hash = vocabulary_.look_ahead(right);
    if (++count_ == waiting_.size()) flush();
  }
  std::vector<BpeMerge> finish() {
    flush();
    return std::move(merges_);
  }

 private:
  struct Waiting {
    std::string left, right;
    uint64_t left_hash, right_hash;
  };
  void flush() {
    for (size_t i = 0; i < count_; ++i) {
      const Waiting& merge = waiting_[i];
      const int32_t left = known(vocabulary_.id(merge.left, merge.left_hash)), right = known(vocabulary_.id(merge.right, merge.right_hash));
      joined_.assign(merge.left).append(merge.right, prefix_.size());
      // Merges mostly produce tokens in the order of their ids.
      const int32_t next = merges_.empty() ? 0 : merges_.back().result + 1;
      const bool is_next = next < vocabulary_.size() && vocabulary_.token(next) == joined_;
      merges_.push_back({{left, right}, is_next ? next : known(vocabulary_.id(joined_))});
    }
    count_ = 0;
  }
  static int32_t known(int32_t id) {
    if (id < 0) throw NotPlain{};
    return id;
  }

  const Vocabulary& vocabulary_;
  std::string_view prefix_;
  std::array<Waiting, 16> waiting_;
  size_t count_ = 0;
  std::string joined_;
  std::vector<BpeMerge> merges_;
};

}  // namespace

std::vector<BpeMerge> read_merges_slice(const json& slice, const Vocabulary& vocabulary, std::string_view prefix) {
  Cursor in(text_of(slice));
  std::string unescaped_left, unescaped_right;
  MergeReader merges(vocabulary, prefix);
  in.expect('[');
  if (!in.take(']')) {
    do {
      std::string_view left, right;
      if (in.take('[')) {
        left = in.string(unescaped_left);
        in.expect(',');
        right = in.string(unescaped_right);
        in.expect(']');
      } else {
        const std::string_view both = in.string(unescaped_left);
        const size_t space = both.find(' ');
        if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos) throw NotPlain{};
        left = both.substr(0, space);
        right = both.substr(space + 1);
      }
      merges.add(left, right);
    } while (in.take(','));
    in.expect(']');
  }
  if (!in.at_end()) throw NotPlain{};
  return merges.finish();
}

}  // namespace qkv
