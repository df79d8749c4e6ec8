#include "base/cancellation.h"

#include <gtest/gtest.h>

#include <thread>

namespace qkv {
namespace {

TEST(Cancellation, NoTokenAndOneThatWasNotCancelledLetWorkGoOn) {
  CancellationToken token;
  EXPECT_NO_THROW(throw_if_cancelled(nullptr));
  EXPECT_NO_THROW(throw_if_cancelled(&token));
  EXPECT_FALSE(token.cancelled());
}

TEST(Cancellation, AnotherThreadEndsWork) {
  CancellationToken token;
  std::thread([&] { EXPECT_FALSE(token.cancel()); }).join();
  EXPECT_TRUE(token.cancelled());
  EXPECT_TRUE(token.cancel());  // it was before
  try {
    throw_if_cancelled(&token);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
}

}  // namespace
}  // namespace qkv
