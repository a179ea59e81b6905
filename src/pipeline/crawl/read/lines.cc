#include "pipeline/crawl/read/lines.h"

#include <fmt/format.h>

#include <algorithm>

namespace leam::crawl {

LineReader::LineReader(std::unique_ptr<ByteSource> source, size_t max_line, uint64_t skip)
    : source_(std::move(source)), max_line_(max_line), skip_(skip) {}

Position LineReader::place(uint64_t logical) const {
  Mark best{0, 0};
  for (const Mark& m : marks_) {
    if (m.logical <= logical) best = m;
  }
  const uint64_t inside = logical - best.logical;
  return source_->is_plain() ? Position{best.offset + inside, 0} : Position{best.offset, inside};
}

Position LineReader::position() const {
  return place(logical_);
}

bool LineReader::fill() {
  Block block;
  const bool more = source_->next(block);
  for (Broken& b : source_->take_broken()) broken_.push_back(std::move(b));
  if (!more) return false;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  if (block.after_gap && !buffer_.empty()) {
    // The line that the gap cut is gone; the first one behind it may have lost its beginning.
    logical_ += buffer_.size();
    buffer_.clear();
    drop_line_ = true;
  }
  if (block.starts_member) {
    while (marks_.size() > 1 && marks_[1].logical <= logical_) marks_.erase(marks_.begin());
    marks_.push_back({logical_ + buffer_.size(), block.offset});
  }
  buffer_.append(block.bytes);
  if (skip_ > 0) {
    const auto n = static_cast<size_t>(std::min<uint64_t>(skip_, buffer_.size()));
    begin_ = n;
    logical_ += n;
    skip_ -= n;
  }
  return true;
}

bool LineReader::next(std::string_view& line) {
  size_t searched = 0;
  bool too_long = false;
  while (true) {
    const std::string_view have = std::string_view(buffer_).substr(begin_);
    const size_t end = have.find('\n', searched);
    if (end == std::string_view::npos) {
      searched = have.size();
      if (have.size() > max_line_) {
        if (!too_long) {
          start_ = place(logical_);
          broken_.push_back({start_.offset, fmt::format("line longer than {} bytes", max_line_)});
        }
        too_long = true;
        logical_ += have.size();
        begin_ = buffer_.size();
        searched = 0;
      }
      if (fill()) continue;
      const std::string_view rest = std::string_view(buffer_).substr(begin_);
      if (rest.empty() || too_long || drop_line_) return false;
      start_ = place(logical_);
      line = rest;
      logical_ += rest.size();
      begin_ = buffer_.size();
      return true;
    }
    start_ = place(logical_);
    line = have.substr(0, end);
    logical_ += end + 1;
    begin_ += end + 1;
    searched = 0;
    if (std::exchange(too_long, false) || std::exchange(drop_line_, false)) continue;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return true;
  }
}

}  // namespace leam::crawl
