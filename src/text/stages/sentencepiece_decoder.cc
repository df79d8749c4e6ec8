#include "text/stages/sentencepiece_decoder.h"

#include <unordered_map>

#include "base/utf8.h"
#include "text/token_models/byte_fallback.h"
#include "text/token_models/sentencepiece_symbols.h"

namespace qkv {
namespace {

// Appends bytes; each byte that begins no character becomes U+FFFD.
void append_bytes(std::string_view bytes, std::string& text) {
  while (!bytes.empty()) {
    const std::string_view character = bytes.substr(0, utf8_length(bytes[0]));
    const bool valid = is_valid_utf8(character);
    text.append(valid ? character : "\xEF\xBF\xBD");
    bytes.remove_prefix(valid ? character.size() : 1);
  }
}

class SentencePieceDecoder final : public Decoder {
 public:
  SentencePieceDecoder(const SentencePieceModel& model, bool unknown_as_piece)
      : unk_surface_(model.unk_surface),
        drops_first_space_(model.add_dummy_prefix || model.remove_extra_whitespaces),
        drops_all_spaces_(model.remove_extra_whitespaces) {
    for (const SentencePieceModel::Piece& piece : model.pieces) {
      if (piece.type == PieceType::control || piece.type == PieceType::unknown || piece.type == PieceType::byte) {
        types_.emplace(piece.text, piece.type);
      }
      if (piece.type == PieceType::unknown && unknown_as_piece) unk_surface_ = piece.text;
    }
  }

  void decode(std::vector<std::string>& tokens) const override {
    std::string text, bytes;
    const auto flush = [&] {
      append_bytes(bytes, text);
      bytes.clear();
    };
    bool at_start = true, start_seen = false;
    for (const std::string& token : tokens) {
      const auto found = types_.find(token);
      const PieceType type = found == types_.end() ? PieceType::normal : found->second;
      if (type == PieceType::byte) {
        bytes.push_back(static_cast<char>(byte_of_token(token)));
        continue;
      }
      flush();
      if (start_seen || !text.empty()) at_start = false;
      start_seen = false;
      if (type == PieceType::control) {
        text.append(token);
        continue;
      }
      if (type == PieceType::unknown) {
        text.append(unk_surface_);
        continue;
      }
      std::string_view piece = token;
      if (at_start && drops_first_space_ && piece.starts_with(kSpaceSymbol)) {
        piece.remove_prefix(kSpaceSymbol.size());
        start_seen = !drops_all_spaces_;
      }
      append_unescaped(piece, text);
    }
    flush();
    tokens.assign(1, std::move(text));
  }

 private:
  static void append_unescaped(std::string_view piece, std::string& text) {
    for (size_t at = piece.find(kSpaceSymbol); at != std::string_view::npos; at = piece.find(kSpaceSymbol)) {
      text.append(piece.substr(0, at)).push_back(' ');
      piece.remove_prefix(at + kSpaceSymbol.size());
    }
    text.append(piece);
  }

  std::unordered_map<std::string, PieceType> types_;  // of the pieces that are not plain text
  std::string unk_surface_;
  bool drops_first_space_, drops_all_spaces_;
};

}  // namespace

std::unique_ptr<Decoder> make_sentencepiece_decoder(const SentencePieceModel& model, bool unknown_as_piece) {
  return std::make_unique<SentencePieceDecoder>(model, unknown_as_piece);
}

}  // namespace qkv
