#include "base/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "base/error.h"

namespace qkv {
namespace {

CancellationToken token;

// Each in a process of its own: the token stays cancelled.
TEST(Interrupt, FirstSignalOnlyCancelsTheToken) {
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    const auto child = [&] {
      std::signal(SIGHUP, SIG_DFL);  // the tests themselves may run under nohup
      catch_interrupts(token);
      if (token.cancelled()) std::_Exit(1);
      token.throw_if_cancelled();
      std::raise(signal_number);
      if (!token.cancelled()) std::_Exit(2);
      try {
        token.throw_if_cancelled();
      } catch (const Error& error) {
        std::_Exit(error.code() == ErrorCode::interrupted ? 7 : 3);
      }
      std::_Exit(4);
    };
    EXPECT_EXIT(child(), testing::ExitedWithCode(7), "");
  }
}

TEST(Interrupt, SecondSignalEndsTheProcess) {
  const auto child = [] {
    catch_interrupts(token);
    std::raise(SIGINT);
    std::raise(SIGTERM);
    std::_Exit(0);
  };
  EXPECT_EXIT(child(), testing::KilledBySignal(SIGTERM), "");
}

TEST(Interrupt, LimitOfTimeMayBeToldAgainAndAgain) {
  const auto child = [] {
    catch_interrupts(token);
    for (int i = 0; i < 3; ++i) std::raise(SIGXCPU);
    std::_Exit(token.cancelled() ? 7 : 1);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(7), "");
}

TEST(Interrupt, HangupStaysIgnoredUnderNohup) {
  const auto child = [] {
    std::signal(SIGHUP, SIG_IGN);
    catch_interrupts(token);
    std::raise(SIGHUP);
    std::_Exit(token.cancelled() ? 1 : 7);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(7), "");
}

TEST(Interrupt, AcknowledgementIsWrittenWhenTheSignalComes) {
  const auto child = [] {
    catch_interrupts(token, "stopping soon\n");
    std::raise(SIGTERM);
    std::_Exit(7);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(7), "^stopping soon\n$");
}

}  // namespace
}  // namespace qkv
