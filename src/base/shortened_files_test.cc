#include "base/shortened_files.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

constexpr size_t kPages = 5 * 4096;

std::string message_of(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code() == ErrorCode::io ? error.what() : "another error";
  }
  return "";
}

// Exits with 7 where all is well; each in a process of its own, as the state stays.
#define ENSURE(condition)    \
  if (!(condition)) {        \
    std::perror(#condition); \
    std::_Exit(1);           \
  }

TEST(ShortenedFiles, WhatIsMissingReadsAsZerosAndTheFileIsNamed) {
  const auto child = [] {
    survive_shortened_files();
    const TemporaryDirectory directory;
    const auto path = directory.write("corpus.txt", std::string(kPages, 'x'));
    const MappedFile other(directory.write("other", "y")), file(path);
    ENSURE(message_of(throw_if_shortened).empty());
    std::filesystem::resize_file(path, 5000);
    ENSURE(file.data()[4999] == 'x');
    ENSURE(message_of(throw_if_shortened).empty());
    ENSURE(file.data()[kPages - 1] == 0 && file.data()[8192] == 0);
    ENSURE(file.data()[100] == 'x');
    const std::string message = message_of(throw_if_shortened);
    ENSURE(message.find(path.string()) == 0 && message.find("became shorter") != std::string::npos);
    ENSURE(message_of([] { throw_if_cancelled(nullptr); }) == message);
    ENSURE(message_of([&] { write_file_atomically(directory / "made", file.text()); }) == message);
    ENSURE(!std::filesystem::exists(directory / "made"));
    std::_Exit(7);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(7), "");
}

TEST(ShortenedFiles, FileIsNamedAfterItsMappingIsGone) {
  const auto child = [] {
    survive_shortened_files();
    const TemporaryDirectory directory;
    const auto path = directory.write("corpus.txt", std::string(kPages, 'x')), other_path = directory.write("other", "y");
    {
      MappedFile first(path);
      const MappedFile file(std::move(first));
      std::filesystem::resize_file(path, 0);
      ENSURE(file.data()[4096] == 0);
    }
    const MappedFile other(other_path);
    ENSURE(message_of(throw_if_shortened).find(path.string()) == 0);
    std::_Exit(7);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(7), "");
}

TEST(ShortenedFiles, FaultElsewhereEndsTheProcessAsBefore) {
  const auto child = [] {
    survive_shortened_files();
    const TemporaryDirectory directory;
    const auto path = directory.write("x", std::string(kPages, 'x'));
    std::FILE* file = std::fopen(path.c_str(), "r");
    const auto* data = static_cast<const volatile char*>(::mmap(nullptr, kPages, PROT_READ, MAP_PRIVATE, fileno(file), 0));
    std::filesystem::resize_file(path, 0);
    std::_Exit(data[0]);
  };
  EXPECT_EXIT(child(), testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace qkv
