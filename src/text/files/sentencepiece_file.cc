#include "text/files/sentencepiece_file.h"

#include <bit>
#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "text/files/token_limits.h"
#include "text/token_models/byte_fallback.h"

namespace qkv {
namespace {

enum class Wire : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// A field of a protocol buffer message: its number and its value by wire type.
struct Field {
  uint32_t number = 0;
  Wire wire = Wire::varint;
  uint64_t integer = 0;      // for varint, fixed32, fixed64
  std::string_view content;  // for bytes
  size_t begin = 0;          // offset in the file
};

// Iterates over the fields of a message (protobuf.dev/programming-guides/encoding).
class MessageReader {
 public:
  MessageReader(std::string_view message, size_t begin, const std::string& file) : message_(message), begin_(begin), file_(file) {}

  bool next(Field& field) {
    if (at_ == message_.size()) return false;
    field = Field{.begin = begin_ + at_};
    const uint64_t key = varint();
    if (key >> 3 == 0 || key >> 3 > 0x1FFFFFFF) damaged("a field has the impossible number", key >> 3);
    field.number = static_cast<uint32_t>(key >> 3);
    field.wire = static_cast<Wire>(key & 7);
    switch (field.wire) {
      case Wire::varint: field.integer = varint(); break;
      case Wire::fixed64: field.integer = fixed(8); break;
      case Wire::fixed32: field.integer = fixed(4); break;
      case Wire::bytes: {
        const uint64_t size = varint();
        if (size > message_.size() - at_) damaged("a field reaches beyond the end, its size is", size);
        field.content = message_.substr(at_, size);
        at_ += size;
        break;
      }
      default: damaged("a field has the unknown wire type", key & 7);
    }
    return true;
  }

  // The value of a known field.
  std::string_view bytes(const Field& field) const {
    expect(field, Wire::bytes);
    return field.content;
  }
  MessageReader message(const Field& field) const {
    const std::string_view inner = bytes(field);
    return {inner, begin_ + static_cast<size_t>(inner.data() - message_.data()), file_};
  }
  bool boolean(const Field& field) const { return integer(field) != 0; }
  uint64_t integer(const Field& field) const {
    expect(field, Wire::varint);
    return field.integer;
  }
  float number(const Field& field) const {
    expect(field, Wire::fixed32);
    return std::bit_cast<float>(static_cast<uint32_t>(field.integer));
  }

 private:
  [[noreturn]] void damaged(const char* what, uint64_t value) const {
    fail(ErrorCode::bad_input, "{}: not a SentencePiece model: at byte {} {} {}; the file is damaged, was cut, or is of another kind",
         file_, begin_ + at_, what, value);
  }
  void expect(const Field& field, Wire wire) const {
    if (field.wire != wire) {
      fail(ErrorCode::bad_input, "{}: not a SentencePiece model: field {} at byte {} has the wire type {} instead of {}", file_,
           field.number, field.begin, static_cast<int>(field.wire), static_cast<int>(wire));
    }
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == message_.size()) damaged("the message ends within a number, at its byte", static_cast<uint64_t>(shift / 7));
      const auto byte = static_cast<unsigned char>(message_[at_++]);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    damaged("a number has more bytes than", 10);
  }
  uint64_t fixed(size_t size) {
    if (size > message_.size() - at_) damaged("the message ends within a number of bytes", size);
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= static_cast<uint64_t>(static_cast<unsigned char>(message_[at_ + i])) << (8 * i);
    at_ += size;
    return value;
  }

  std::string_view message_;
  size_t begin_;  // offset of the message in the file
  const std::string& file_;
  size_t at_ = 0;
};

// The field numbers below are those of sentencepiece_model.proto.
SentencePieceModel::Piece read_piece(MessageReader in, size_t id, const std::string& file) {
  SentencePieceModel::Piece piece;
  for (Field field; in.next(field);) {
    if (field.number == 1) piece.text = in.bytes(field);
    if (field.number == 2) piece.score = in.number(field);
    if (field.number == 3) {
      const uint64_t type = in.integer(field);
      if (type < 1 || type > 6) fail(ErrorCode::bad_input, "{}: piece {} is of the unknown type {}", file, id, type);
      piece.type = static_cast<PieceType>(type);
    }
  }
  return piece;
}

void read_trainer_spec(MessageReader in, SentencePieceModel& model, const std::string& file) {
  for (Field field; in.next(field);) {
    switch (field.number) {
      case 3: {
        const uint64_t kind = in.integer(field);
        if (kind < 1 || kind > 4) fail(ErrorCode::bad_input, "{}: the model is of the unknown kind {}", file, kind);
        model.kind = static_cast<SentencePieceModel::Kind>(kind);
        break;
      }
      case 24: model.whitespace_as_suffix = in.boolean(field); break;
      case 35: model.byte_fallback = in.boolean(field); break;
      case 44: model.unk_surface = in.bytes(field); break;
      default: break;
    }
  }
}

void read_normalizer_spec(MessageReader in, SentencePieceModel& model) {
  for (Field field; in.next(field);) {
    if (field.number == 2) model.character_map = in.bytes(field);
    if (field.number == 3) model.add_dummy_prefix = in.boolean(field);
    if (field.number == 4) model.remove_extra_whitespaces = in.boolean(field);
    if (field.number == 5) model.escape_whitespaces = in.boolean(field);
  }
}

}  // namespace

bool is_sentencepiece(std::string_view bytes) {
  return bytes.size() > 4 && bytes[0] == 0x0A && bytes[2] == 0x0A;  // field 1, a message whose first field is field 1 again
}

SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file) {
  SentencePieceModel model;
  MessageReader in(bytes, 0, file);
  for (Field field; in.next(field);) {
    if (field.number == 1) {
      if (model.pieces.size() >= kMaxTokens) fail(ErrorCode::bad_input, "{}: has more than {} pieces", file, kMaxTokens);
      model.pieces.push_back(read_piece(in.message(field), model.pieces.size(), file));
    }
    if (field.number == 2) read_trainer_spec(in.message(field), model, file);
    if (field.number == 3) read_normalizer_spec(in.message(field), model);
    if (field.number == 5 && !in.bytes(field).empty()) {
      for (MessageReader denormalizer = in.message(field); denormalizer.next(field);) {
        if (field.number == 2 && !denormalizer.bytes(field).empty()) {
          fail(ErrorCode::unsupported, "{}: has a denormalizer, rules that change the decoded text, which qkv does not have", file);
        }
      }
    }
  }
  check_sentencepiece(model, file);
  return model;
}

void check_sentencepiece(const SentencePieceModel& model, const std::string& file) {
  if (model.pieces.empty()) fail(ErrorCode::bad_input, "{}: not a SentencePiece model: it has no pieces", file);
  if (model.kind == SentencePieceModel::Kind::word) {
    fail(ErrorCode::unsupported, "{}: is a SentencePiece model of whole words, which qkv does not have", file);
  }
  std::unordered_map<std::string_view, size_t> ids;
  ids.reserve(model.pieces.size());
  size_t unknown = 0, bytes = 0;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const SentencePieceModel::Piece& piece = model.pieces[id];
    check_token(piece.text, id, file);
    if (piece.text.empty()) fail(ErrorCode::bad_input, "{}: piece {} is empty", file, id);
    if (!std::isfinite(piece.score)) fail(ErrorCode::bad_input, "{}: piece {} has a score that is not a number", file, id);
    if (piece.type == PieceType::byte) {
      if (const int byte = byte_of_token(piece.text); byte < 0 || piece.text != byte_token(static_cast<unsigned char>(byte))) {
        fail(ErrorCode::bad_input, "{}: piece {} \"{}\" is said to be a byte, but is none of <0x00> to <0xFF>", file, id,
             shortened(piece.text));
      }
      ++bytes;
    }
    if (piece.type == PieceType::unknown) ++unknown;
    const auto [other, fresh] = ids.emplace(piece.text, id);
    if (!fresh) fail(ErrorCode::bad_input, "{}: pieces {} and {} are both \"{}\"", file, other->second, id, shortened(piece.text));
  }
  if (unknown != 1) fail(ErrorCode::bad_input, "{}: has {} unknown pieces instead of one", file, unknown);
  if (model.byte_fallback && bytes != 256) {
    fail(ErrorCode::bad_input, "{}: falls back to bytes, but has {} of the 256 pieces <0x00> to <0xFF>", file, bytes);
  }
}

}  // namespace qkv
