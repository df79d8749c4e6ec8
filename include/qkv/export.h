// Marks the functions and classes of the public API: libqkv.so exports them and nothing else.
#pragma once

#if __cplusplus < 202002L
#error "qkv's headers need C++20: compile with -std=c++20 or a later standard"
#endif

#define QKV_API [[gnu::visibility("default")]]
// For a private member of a class that is marked QKV_API.
#define QKV_INTERNAL [[gnu::visibility("hidden")]]
