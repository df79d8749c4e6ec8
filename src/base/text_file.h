// Definition and checks of text files: UTF-8, with or without a byte-order mark.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace qkv {

// Bytes of U+FEFF at the start of a file's content, 3 or 0. Some editors write it; it does not belong to the text.
size_t byte_order_mark_size(std::string_view content);

// Whether the reader splits the text into lines or takes it as a whole.
enum class TextShape { lines, whole };

// Throws Error(bad_input) that names the kind of file and the remedy if the content is UTF-16 or UTF-32, compressed (gzip, zip, xz, tar and
// others), or, for lines, if they end with a carriage return only. Single invalid bytes are left to the reader, who knows their line.
// Checks the beginning only.
void check_is_text(const std::filesystem::path& path, std::string_view content, TextShape shape);

}  // namespace qkv
