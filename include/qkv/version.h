// The version of qkv; CMakeLists.txt reads it from here.
#pragma once

#define QKV_VERSION "0.1.0"
