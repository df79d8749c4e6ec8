#include "text/stages/metaspace.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/stages/rewriter.h"

namespace qkv {
namespace {

using Prepend = MetaspaceOptions::Prepend;

class MetaspacePreTokenizer final : public PreTokenizer {
 public:
  explicit MetaspacePreTokenizer(MetaspaceOptions options) : options_(std::move(options)) {}

  void apply(PieceList& list) const override {
    Rewriter rewriter(list, list.text.size() + list.text.size() / 2);
    std::vector<PieceList::Piece> pieces;
    pieces.reserve(list.pieces.size());
    for (const PieceList::Piece& piece : list.pieces) {
      const std::string_view view = list.view(piece);
      rewriter.skip(piece.begin - rewriter.position());
      const size_t begin = rewriter.size();
      const bool prepend = options_.prepend == Prepend::always || (options_.prepend == Prepend::first && list.starts_input(piece));
      if (prepend && view[0] != ' ' && !view.starts_with(options_.replacement)) rewriter.prefix(options_.replacement);
      write_replaced(view, rewriter);
      cut(begin, rewriter.text(), pieces);
    }
    rewriter.finish(list);
    list.pieces = std::move(pieces);
  }
  WordCuts word_cuts() const override { return options_.split ? WordCuts::spaces : WordCuts::none; }
  bool looks_at_place() const override { return options_.prepend == Prepend::first; }

 private:
  void write_replaced(std::string_view view, Rewriter& rewriter) const {
    while (true) {
      const size_t space = view.find(' ');
      rewriter.keep(std::min(space, view.size()));
      if (space == std::string_view::npos) return;
      rewriter.replace(1, options_.replacement);
      view.remove_prefix(space + 1);
    }
  }

  // The pieces of the text from `begin` on, each beginning at a replacement.
  void cut(size_t begin, std::string_view text, std::vector<PieceList::Piece>& pieces) const {
    while (options_.split && begin < text.size()) {
      const size_t next = text.find(options_.replacement, begin + 1);
      if (next == std::string_view::npos) break;
      pieces.push_back({begin, next});
      begin = next;
    }
    pieces.push_back({begin, text.size()});
  }

  MetaspaceOptions options_;
};

class MetaspaceDecoder final : public Decoder {
 public:
  explicit MetaspaceDecoder(MetaspaceOptions options) : options_(std::move(options)) {}

  // Replacements become spaces; those of the first token are removed if one may have been prepended.
  void decode(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      const bool drop = i == 0 && options_.prepend != Prepend::never;
      std::string& token = tokens[i];
      size_t at = token.find(options_.replacement);
      if (at == std::string::npos) continue;
      std::string result;
      size_t begin = 0;
      for (; at != std::string::npos; at = token.find(options_.replacement, begin)) {
        result.append(token, begin, at - begin);
        if (!drop) result.push_back(' ');
        begin = at + options_.replacement.size();
      }
      result.append(token, begin);
      token = std::move(result);
    }
  }

 private:
  MetaspaceOptions options_;
};

}  // namespace

MetaspaceOptions metaspace_options(const JsonNode& node) {
  MetaspaceOptions options;
  options.replacement = node.at("replacement").string();
  if (options.replacement.empty() || utf8_length(options.replacement[0]) != options.replacement.size()) {
    node.at("replacement").fail("must be one character");
  }
  const auto old_form = node.find("add_prefix_space");
  if (old_form && !old_form->boolean()) options.prepend = Prepend::never;
  if (const auto scheme = node.find("prepend_scheme")) {
    const std::string name = scheme->string();
    if (name == "first") {
      options.prepend = Prepend::first;
    } else if (name == "always") {
      options.prepend = Prepend::always;
    } else if (name == "never") {
      options.prepend = Prepend::never;
    } else {
      scheme->fail("must be \"first\", \"always\" or \"never\"");
    }
    if (old_form && !old_form->boolean() && options.prepend != Prepend::never) {
      scheme->fail("contradicts \"add_prefix_space\": false");
    }
  }
  options.split = node.boolean_or("split", true);
  return options;
}

std::unique_ptr<PreTokenizer> make_metaspace_pre_tokenizer(MetaspaceOptions options) {
  return std::make_unique<MetaspacePreTokenizer>(std::move(options));
}

std::unique_ptr<Decoder> make_metaspace_decoder(MetaspaceOptions options) { return std::make_unique<MetaspaceDecoder>(std::move(options)); }

}  // namespace qkv
