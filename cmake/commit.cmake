# Writes OUTPUT, the functions of src/lab/record/commit.h, where the commit has changed. Run at each build.
execute_process(COMMAND git describe --always --abbrev=40 --exclude=* --dirty=+ WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
set(text "#include \"lab/record/commit.h\"\n\nnamespace qkv::lab {\n\nconst char* built_from() { return \"${commit}\"; }\nconst char* build_type() { return \"${TYPE}\"; }\n\n}  // namespace qkv::lab\n")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT text STREQUAL "${old}")
  file(WRITE ${OUTPUT} "${text}")
endif()
