#include "text/stages/byte_level.h"

#include <array>

#include "base/utf8.h"
#include "text/stages/gpt2_scanner.h"
#include "text/stages/rewriter.h"
#include "text/stages/splitting.h"

namespace qkv {
namespace {

// Printable bytes of Latin-1 map to themselves; the others, in ascending order, to the characters from U+0100 on.
constexpr bool stands_for_itself(unsigned byte) { return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE; }

struct ByteTables {
  std::array<char32_t, 256> character_of{};
  std::array<int16_t, 0x144> byte_of{};  // -1: maps to no byte
  constexpr ByteTables() {
    byte_of.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      character_of[byte] = stands_for_itself(byte) ? byte : next++;
      byte_of[character_of[byte]] = static_cast<int16_t>(byte);
    }
  }
};
constexpr ByteTables kTables;

void append_as_characters(std::string_view bytes, std::string& text) {
  for (const char c : bytes) append_utf8(text, kTables.character_of[static_cast<unsigned char>(c)]);
}

size_t written_size(std::string_view bytes) {
  size_t size = 0;
  for (const char c : bytes) size += kTables.character_of[static_cast<unsigned char>(c)] < 0x80 ? 1 : 2;
  return size;
}

// Appends the origin of the output of append_as_characters, given that of the bytes.
void append_origin(std::string_view bytes, const Span* of_bytes, std::vector<Span>& origin) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    origin.insert(origin.end(), kTables.character_of[static_cast<unsigned char>(bytes[i])] < 0x80 ? 1 : 2, of_bytes[i]);
  }
}

class ByteLevelNormalizer final : public Normalizer {
 public:
  void normalize(NormalizedText& normalized) const override {
    std::string text;
    append_as_characters(normalized.text, text);
    Origin origin;
    if (normalized.origin) append_origin(normalized.text, normalized.origin->data(), origin.emplace());
    normalized.first_bytes = written_size(std::string_view(normalized.text).substr(0, normalized.first_bytes));
    normalized.text = std::move(text);
    normalized.origin = std::move(origin);
  }
};

class ByteLevelPreTokenizer final : public PreTokenizer {
 public:
  ByteLevelPreTokenizer(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space), use_regex_(use_regex) {}

  void apply(PieceList& list) const override {
    if (add_prefix_space_) prefix_spaces(list);
    if (use_regex_) {
      split_pieces(list, SplitBehavior::isolated, [](std::string_view text, std::vector<SplitPart>& parts) {
        const Gpt2Scanner scanner(text);
        for (size_t begin = 0; begin < text.size();) {
          const size_t end = scanner.match_end(begin);
          parts.push_back({begin, end, true});
          begin = end;
        }
      });
    }
    write_bytes(list);
  }

  // Parts of the text begin with a space, so they get no prefix space as the first piece might.
  WordCuts word_cuts() const override { return !use_regex_ ? WordCuts::none : add_prefix_space_ ? WordCuts::spaces : WordCuts::gpt2; }

 private:
  static void prefix_spaces(PieceList& list) {
    Rewriter rewriter(list, list.text.size() + list.pieces.size());
    for (PieceList::Piece& piece : list.pieces) {
      rewriter.skip(piece.begin - rewriter.position());
      const size_t begin = rewriter.size();
      if (list.text[piece.begin] != ' ') rewriter.prefix(" ");
      rewriter.keep(piece.end - piece.begin);
      piece = {begin, rewriter.size()};
    }
    rewriter.finish(list);
  }

  static void write_bytes(PieceList& list) {
    std::string text;
    text.reserve(list.text.size() + list.text.size() / 2);
    Origin origin;
    if (list.origin) origin.emplace().reserve(text.capacity());
    for (PieceList::Piece& piece : list.pieces) {
      const size_t begin = text.size();
      append_as_characters(list.view(piece), text);
      if (list.origin) append_origin(list.view(piece), list.origin->data() + piece.begin, *origin);
      piece = {begin, text.size()};
    }
    list.first_bytes = written_size(std::string_view(list.text).substr(0, list.first_bytes));
    list.text = std::move(text);
    list.origin = std::move(origin);
  }

  bool add_prefix_space_, use_regex_;
};

class ByteLevelDecoder final : public Decoder {
 public:
  // A token with a character that maps to no byte is kept as it is. Invalid UTF-8 in the result becomes U+FFFD.
  void decode(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) {
      const size_t before = bytes.size();
      for (size_t i = 0; i < token.size();) {
        const Character c = character_at(token, i);
        if (c.code_point >= kTables.byte_of.size() || kTables.byte_of[c.code_point] < 0) {
          bytes.resize(before);
          bytes.append(token);
          break;
        }
        bytes.push_back(static_cast<char>(kTables.byte_of[c.code_point]));
        i += c.length;
      }
    }
    tokens.assign(1, is_valid_utf8(bytes) ? std::move(bytes) : replace_invalid_utf8(bytes));
  }
};

}  // namespace

std::unique_ptr<PreTokenizer> make_byte_level_pre_tokenizer(bool add_prefix_space, bool use_regex) {
  return std::make_unique<ByteLevelPreTokenizer>(add_prefix_space, use_regex);
}

std::unique_ptr<Normalizer> make_byte_level_normalizer() { return std::make_unique<ByteLevelNormalizer>(); }

std::unique_ptr<Decoder> make_byte_level_decoder() { return std::make_unique<ByteLevelDecoder>(); }

std::u32string byte_level_alphabet() { return {kTables.character_of.begin(), kTables.character_of.end()}; }

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 4);
  for (const char byte : bytes) append_utf8(text, kTables.character_of[static_cast<unsigned char>(byte)]);
  return text;
}

}  // namespace qkv
