// ICU's normalizer of a form, restricted to the characters that normalize_unicode knows, for uses beyond whole texts.
#pragma once

#include <unicode/normalizer2.h>

#include "text/unicode/unicode.h"

namespace qkv {

const icu::Normalizer2& icu_normalizer(NormalForm form);

}  // namespace qkv
