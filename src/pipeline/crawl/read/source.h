// A file's bytes in order, unpacked: plain, gzip (member by member) or zstd, told apart by their first
// bytes.
//
// A stretch that cannot be unpacked is reported with its offset and passed over: the next member that can be
// read begins again, marked as coming after a gap. Memory is one member (up to 16 MiB unpacked, streamed
// beyond), whatever the file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/env.h"

namespace leam::crawl {

// Something in an input that could not be read: counted, reported and passed over.
struct Broken {
  uint64_t offset = 0;  // in the file as it lies on the disk
  std::string what;
};

struct Block {
  std::string_view bytes;      // valid until the next call
  bool starts_member = false;  // `offset` is a place where reading can start again
  uint64_t offset = 0;         // in the file
  bool after_gap = false;      // bytes before this block were lost
};

class ByteSource {
 public:
  // Starts at `offset`, which must be one that a Block named (or 0).
  static Result<std::unique_ptr<ByteSource>> open(const Env& env, const std::string& path,
                                                  uint64_t offset = 0);
  // The same over bytes in memory; they must outlive the source.
  static std::unique_ptr<ByteSource> over(std::string_view bytes, uint64_t offset = 0);
  virtual ~ByteSource() = default;
  // False at the end.
  virtual bool next(Block& block) = 0;
  virtual bool is_plain() const { return false; }  // not packed: reading can start at any byte
  virtual uint64_t offset() const = 0;             // how far the file has been read
  // What was passed over since the last call.
  std::vector<Broken> take_broken() { return std::exchange(broken_, {}); }

 protected:
  std::vector<Broken> broken_;
};

// Unpacks a whole buffer of one of the formats; at most `limit` bytes come out, `truncated` says if that was
// less than all. False if nothing of it can be unpacked.
bool unpack_all(std::string_view packed, size_t limit, std::string& out, bool& truncated);

// HTTP's "deflate": zlib, or raw deflate as some servers send it.
bool inflate_http(std::string_view packed, size_t limit, std::string& out, bool& truncated);

}  // namespace leam::crawl
