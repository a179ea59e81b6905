// Lines of a packed or plain file, with their places.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/crawl/read/warc.h"

namespace leam::crawl {

class LineReader {
 public:
  LineReader(std::unique_ptr<ByteSource> source, size_t max_line, uint64_t skip = 0);
  // The next line without its end, valid until the next call; false at the end. A line over the limit and
  // lines around a gap are passed over and reported.
  bool next(std::string_view& line);
  Position start() const { return start_; }  // of the last line
  Position position() const;                 // behind it
  uint64_t file_offset() const { return source_->offset(); }
  std::vector<Broken> take_broken() { return std::exchange(broken_, {}); }

 private:
  struct Mark {
    uint64_t logical, offset;
  };
  Position place(uint64_t logical) const;
  bool fill();

  std::unique_ptr<ByteSource> source_;
  size_t max_line_;
  uint64_t skip_;
  std::string buffer_;
  size_t begin_ = 0;
  uint64_t logical_ = 0;
  std::vector<Mark> marks_;
  std::vector<Broken> broken_;
  Position start_;
  bool drop_line_ = false;  // the line in the buffer has lost its beginning
};

}  // namespace leam::crawl
