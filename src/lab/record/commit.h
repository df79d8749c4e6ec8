#pragma once

namespace qkv::lab {

// The commit that the program was built from, with a + where files differed from it; "unknown" outside of a repository.
const char* built_from();

}  // namespace qkv::lab
