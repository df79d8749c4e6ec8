#pragma once

namespace qkv::lab {

// The commit that the program was built from, with a + if files differed from it; "unknown" outside a repository.
const char* built_from();

const char* build_type();  // CMAKE_BUILD_TYPE

}  // namespace qkv::lab
