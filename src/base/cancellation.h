// What long work looks at now and then.
#pragma once

#include "base/shortened_files.h"
#include "qkv/cancellation.h"

namespace qkv {

// Throws Error(interrupted) where the token (null: none) is cancelled, and Error(io) where a mapped file became shorter.
inline void throw_if_cancelled(const CancellationToken* token) {
  throw_if_shortened();
  if (token) token->throw_if_cancelled();
}

}  // namespace qkv
