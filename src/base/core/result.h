// Errors of the whole program. What the world can cause (files, network, bad input, a full disk) comes
// back as a Result; what only a bug can cause throws BugError. Nothing else throws, prints or exits.
#pragma once

#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace leam {

// What a caller may want to act on; everything else about an error is text for people.
enum class ErrorCode {
  kInvalid,      // the request, the config or the input is wrong
  kNotFound,     // a file, a key, a model is not there
  kCorrupt,      // a file is not what its format says
  kIo,           // reading or writing failed
  kFull,         // no space left on the device, or over a limit
  kDenied,       // not allowed
  kUnavailable,  // a peer or a feature of this machine is not there
  kInterrupted,  // the user asked to stop; finished work is kept
};

// "[corpus.minhash] signature file truncated: out/sig/07.bin at byte 4096. hint: delete it …"
class [[nodiscard]] Error {
 public:
  // `where` is room.part, `what` says what happened to which file, line or field, `hint` what to do.
  Error(ErrorCode code, std::string_view where, std::string what, std::string hint = "");

  ErrorCode code() const { return code_; }
  const std::string& where() const { return where_; }
  const std::string& what() const { return what_; }
  const std::string& hint() const { return hint_; }
  std::string message() const;

  // The same error as seen by a caller that knows more: "reading crawl input: <what>".
  Error within(std::string_view context) &&;

 private:
  ErrorCode code_;
  std::string where_, what_, hint_;
};

// A bug in leam itself. Caught at main, at a thread's top and at the per-request boundary only.
class BugError : public std::logic_error {
  using std::logic_error::logic_error;
};

[[noreturn]] void bug(std::string_view what);
inline void bug_if(bool broken, std::string_view what) {
  if (broken) [[unlikely]]
    bug(what);
}

template <class T = void>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design
  template <class U>
  requires(std::is_constructible_v<T, U&&> && !std::is_same_v<std::decay_t<U>, T> &&
           !std::is_same_v<std::decay_t<U>, Error> && !std::is_same_v<std::decay_t<U>, Result<T>>)
      Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return check(), *std::get_if<0>(&state_); }
  const T& value() const& { return check(), *std::get_if<0>(&state_); }
  T&& value() && { return check(), std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

  const Error& error() const& {
    bug_if(ok(), "error() of a Result that holds a value");
    return *std::get_if<1>(&state_);
  }
  Error error() && {
    bug_if(ok(), "error() of a Result that holds a value");
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  void check() const {
    if (!ok()) [[unlikely]]
      bug("value() of a failed Result: " + std::get_if<1>(&state_)->message());
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  void value() const {
    if (failed_) bug("value() of a failed Result: " + error_.message());
  }
  const Error& error() const& { return error_; }
  Error error() && { return std::move(error_); }

 private:
  bool failed_ = false;
  Error error_{ErrorCode::kInvalid, "", ""};
};

// LEAM_TRY(expr) is the value of expr, or returns its error from the surrounding function:
//   auto text = LEAM_TRY(env.read_file(path));
//   LEAM_TRY(writer.close());
// (A statement expression, which g++ and clang++ share. Not usable inside a coroutine.)
#define LEAM_TRY(expr) LEAM_TRY_AS(expr, __COUNTER__)
#define LEAM_TRY_AS(expr, n) LEAM_TRY_NAMED(expr, n)
#define LEAM_TRY_NAMED(expr, n)                                     \
  __extension__({                                                   \
    auto leam_try_##n = (expr);                                     \
    if (!leam_try_##n.ok()) return std::move(leam_try_##n).error(); \
    ::leam::detail::take(std::move(leam_try_##n));                  \
  })

namespace detail {
template <class T>
T take(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}
}  // namespace detail

}  // namespace leam
