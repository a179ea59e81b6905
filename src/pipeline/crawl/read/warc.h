// Records of web archives: WARC 0.17 to 1.1 and ARC 1.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/crawl/read/source.h"

namespace leam::crawl {

// A place to start reading again: unpack from `offset` in the file and pass over `skip` unpacked bytes.
struct Position {
  uint64_t offset = 0, skip = 0;
};

struct WarcRecord {
  std::string type;  // lower case: "response", "warcinfo", …; of an ARC: "arc_header", "response"
  std::string uri, date, content_type, block_digest, payload_digest, id;
  std::string block;       // what Content-Length counted; empty if it was over the limit
  uint64_t length = 0;     // as declared
  bool too_large = false;  // passed over, `block` is empty
  bool truncated = false;  // the file ends inside it: `block` is what there is (and it is reported as broken)
  bool starts_member = false;  // it lies at `offset` itself, at the start of a member
  uint64_t offset = 0;         // in the file: of the record, or of the member it lies in
};

class WarcReader {
 public:
  struct Options {
    size_t max_block = 64u << 20;
  };
  WarcReader(std::unique_ptr<ByteSource> source, Options options, uint64_t skip = 0);
  // The next whole record; false at the end. Broken ones are passed over and kept for take_broken().
  bool next(WarcRecord& record);
  // Where the record after the last one begins.
  Position position() const;
  uint64_t file_offset() const { return source_->offset(); }
  std::vector<Broken> take_broken();

 private:
  struct Mark {
    uint64_t logical, offset;
  };
  bool fill();
  std::string_view have() const { return std::string_view(buffer_).substr(begin_); }
  void consume(size_t n);
  void fail(std::string what);
  bool skip_blanks();
  bool resync();
  bool header_block(std::string_view& header, size_t& size);
  bool read_block(WarcRecord& record);
  bool parse_warc(WarcRecord& record);
  bool parse_arc(WarcRecord& record);
  const Mark& mark_at(uint64_t logical) const;

  std::unique_ptr<ByteSource> source_;
  Options options_;
  std::string buffer_;
  size_t begin_ = 0;
  uint64_t logical_ = 0;  // unpacked bytes before begin_
  uint64_t skip_;
  std::vector<Mark> marks_;
  std::vector<Broken> broken_;
  bool gap_ = false;            // the buffer ends where bytes are missing
  bool source_failed_ = false;  // the source itself has reported why the buffer ends here
  std::string after_gap_;       // what comes behind the missing bytes
  uint64_t after_gap_offset_ = 0;
  bool arc_ = false;
};

}  // namespace leam::crawl
