// The machine outside: files and the clock, as an argument and never a global, so that a test can
// fill the disk or pull the plug at any write.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/result.h"

namespace leam {

// A file being written. Nothing is promised about its bytes before sync() or close() returned.
class OutFile {
 public:
  virtual ~OutFile() = default;
  virtual Result<void> write(std::string_view bytes) = 0;
  virtual Result<void> sync() = 0;   // to the disk
  virtual Result<void> close() = 0;  // flushes; destruction without close() leaves a partial file
  virtual uint64_t offset() const = 0;
};

// A file's bytes, mapped read-only for as long as the object lives.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  virtual std::string_view bytes() const = 0;
};

struct DirEntry {
  std::string path;  // relative to the folder that was listed, '/'-separated
  uint64_t size = 0;
  bool is_dir = false;
};

class Env {
 public:
  virtual ~Env() = default;

  virtual Result<std::unique_ptr<OutFile>> create(const std::string& path) = 0;     // truncates
  virtual Result<std::unique_ptr<OutFile>> append_to(const std::string& path) = 0;  // creates if absent
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;  // atomic, dir synced
  virtual Result<void> remove(const std::string& path) = 0;                         // absent is no error
  virtual Result<void> remove_tree(const std::string& path) = 0;                    // absent is no error
  virtual Result<void> make_dirs(const std::string& path) = 0;
  virtual Result<void> truncate(const std::string& path, uint64_t size) = 0;
  // Microseconds since 1970, and a monotonic count of nanoseconds.
  virtual int64_t now_us() = 0;
  virtual int64_t monotonic_ns() = 0;

  Result<std::string> read_file(const std::string& path) const;
  Result<std::unique_ptr<MappedFile>> map(const std::string& path) const;
  Result<uint64_t> file_size(const std::string& path) const;
  bool exists(const std::string& path) const;
  bool is_dir(const std::string& path) const;
  // Every file below `path` (recursive) or directly in it, in byte order of the paths.
  Result<std::vector<DirEntry>> list(const std::string& path, bool recursive) const;

  // Writes `path` so that after a crash it holds the old bytes or the new ones: temporary name in the
  // same folder, fsync, rename, fsync of the folder.
  Result<void> write_atomic(const std::string& path, std::string_view bytes);

  // The real machine.
  static std::unique_ptr<Env> real();
};

// Fails on purpose. The n-th write-like call (write, sync, close, rename, create) from the start does
// what `kind` says; later calls behave the same for kFull, and never come for kKill.
//   kFull  ENOSPC from then on        kKill  the process ends at once, as by kill -9
// For kKill, removing, truncating and making folders count too. Counting is safe from many threads.
enum class Fault { kNone, kFull, kKill };
std::unique_ptr<Env> faulty_env(std::unique_ptr<Env> inner, Fault fault, uint64_t at_call);

// `a/b` joined; an absolute `b` wins. The last component, and all before it.
std::string path_join(std::string_view a, std::string_view b);
std::string path_base(std::string_view path);
std::string path_dir(std::string_view path);

}  // namespace leam
