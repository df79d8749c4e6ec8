// Text that is generated on first use.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace qkv {

// Copies share the text. May be used from several threads.
class LazyText {
 public:
  LazyText() : LazyText(std::string()) {}
  LazyText(std::string text) : state_(std::make_shared<State>()) { state_->text = std::move(text); }  // NOLINT: implicit on purpose
  LazyText(const char* text) : LazyText(std::string(text)) {}                                         // NOLINT
  explicit LazyText(std::function<std::string()> make) : state_(std::make_shared<State>()) { state_->make = std::move(make); }

  const std::string& text() const {
    std::call_once(state_->once, [this] {
      if (!state_->make) return;
      state_->text = state_->make();
      state_->make = nullptr;
    });
    return state_->text;
  }

 private:
  struct State {
    std::once_flag once;
    std::function<std::string()> make;
    std::string text;
  };
  std::shared_ptr<State> state_;
};

}  // namespace qkv
