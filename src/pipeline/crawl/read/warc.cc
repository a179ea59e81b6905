#include "pipeline/crawl/read/warc.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace leam::crawl {
namespace {

constexpr size_t kMaxHeader = 64 * 1024;

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r')) s.remove_suffix(1);
  return s;
}

bool all_digits(std::string_view s) {
  return !s.empty() && s.find_first_not_of("0123456789") == std::string_view::npos;
}

// <http://example.com/> as old wget wrote it; blanks are percent-encoded.
std::string clean_uri(std::string_view s) {
  if (s.size() >= 2 && s.front() == '<' && s.back() == '>') s = s.substr(1, s.size() - 2);
  std::string out;
  for (char c : s) {
    if (c == ' ') {
      out += "%20";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// The fields of an ARC header line, split from the right because a URL may hold blanks; false if it is none.
bool arc_line(std::string_view line, WarcRecord& record) {
  line = trim(line);
  const auto last_field = [&] {
    const size_t space = line.rfind(' ');
    if (space == std::string_view::npos) return std::string_view();
    const std::string_view field = line.substr(space + 1);
    line = line.substr(0, space);
    return field;
  };
  const std::string_view length = last_field(), type = last_field(), date = last_field(), ip = last_field();
  if (line.empty() || !all_digits(date) || date.size() < 8 || date.size() > 18) return false;
  if (ip.find('.') == std::string_view::npos && ip.find(':') == std::string_view::npos) return false;
  if (line.find(':') == std::string_view::npos) return false;
  uint64_t n = 0;
  if (std::from_chars(length.data(), length.data() + length.size(), n).ec != std::errc() ||
      !all_digits(length))
    n = 0;
  record.uri = clean_uri(line);
  record.date = std::string(date);
  record.content_type = std::string(type);
  record.length = n;
  record.type = line.starts_with("filedesc:") ? "arc_header" : "response";
  return true;
}

}  // namespace

WarcReader::WarcReader(std::unique_ptr<ByteSource> source, Options options, uint64_t skip)
    : source_(std::move(source)), options_(options), skip_(skip) {}

std::vector<Broken> WarcReader::take_broken() {
  return std::exchange(broken_, {});
}

const WarcReader::Mark& WarcReader::mark_at(uint64_t logical) const {
  static const Mark kStart{0, 0};
  const Mark* best = &kStart;
  for (const Mark& m : marks_) {
    if (m.logical <= logical) best = &m;
  }
  return *best;
}

Position WarcReader::position() const {
  const Mark& m = mark_at(logical_);
  const uint64_t inside = logical_ - m.logical;
  return source_->is_plain() ? Position{m.offset + inside, 0} : Position{m.offset, inside};
}

// More bytes into the buffer; false at the end of the file or before a gap.
bool WarcReader::fill() {
  if (gap_) return false;
  source_failed_ = false;
  Block block;
  const bool more = source_->next(block);
  for (Broken& b : source_->take_broken()) {
    broken_.push_back(std::move(b));
    source_failed_ = true;
  }
  if (!more) return false;
  if (begin_ > (1u << 20) || begin_ == buffer_.size()) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  if (block.after_gap && !buffer_.empty()) {
    after_gap_ = std::string(block.bytes);
    after_gap_offset_ = block.offset;
    gap_ = true;
    return false;
  }
  if (block.starts_member) {
    // Only the marks at and behind the reading position are still of use.
    while (marks_.size() > 1 && marks_[1].logical <= logical_) marks_.erase(marks_.begin());
    marks_.push_back({logical_ + have().size(), block.offset});
  }
  buffer_.append(block.bytes);
  if (skip_ > 0) {
    const auto n = static_cast<size_t>(std::min<uint64_t>(skip_, have().size()));
    consume(n);
    skip_ -= n;
  }
  return true;
}

void WarcReader::consume(size_t n) {
  begin_ += n;
  logical_ += n;
}

void WarcReader::fail(std::string what) {
  if (source_failed_) return;
  const Mark& m = mark_at(logical_);
  const uint64_t inside = logical_ - m.logical;
  if (source_->is_plain()) {
    broken_.push_back({m.offset + inside, std::move(what)});
    return;
  }
  if (inside > 0) what += fmt::format(" (at byte {} unpacked from there)", inside);
  broken_.push_back({m.offset, std::move(what)});
}

// To the first byte of the next record; false when there is none before the end or a gap.
bool WarcReader::skip_blanks() {
  while (true) {
    const std::string_view h = have();
    size_t n = 0;
    while (n < h.size() && (h[n] == '\r' || h[n] == '\n')) ++n;
    consume(n);
    if (!have().empty()) return true;
    if (!fill()) return false;
  }
}

// To the next line, or member, that begins a record.
bool WarcReader::resync() {
  const uint64_t from = logical_;
  while (true) {
    const std::string_view h = have();
    const auto begins = [&](std::string_view rest) {
      WarcRecord ignored;
      return rest.starts_with("WARC/") || (arc_ && arc_line(rest.substr(0, rest.find('\n')), ignored));
    };
    size_t found = std::string_view::npos, line = 0;
    for (const Mark& m : marks_) {
      if (m.logical <= from || m.logical < logical_ || m.logical - logical_ >= h.size()) continue;
      const auto at = static_cast<size_t>(m.logical - logical_);
      if (begins(h.substr(at))) {
        found = at;
        break;
      }
    }
    for (size_t end = 0; (end = h.find('\n', line)) != std::string_view::npos && end + 1 < found;) {
      line = end + 1;
      if (begins(h.substr(line))) {
        found = line;
        break;
      }
    }
    if (found != std::string_view::npos) {
      consume(found);
      return true;
    }
    // Keep the last line: it may go on in the next block; but not a line without end.
    consume(h.size() - line > kMaxHeader ? h.size() : line > 0 ? line - 1 : 0);
    if (!fill()) {
      consume(have().size());
      return false;
    }
  }
}

// The header and its size with the empty line behind it.
bool WarcReader::header_block(std::string_view& header, size_t& size) {
  size_t from = 0;
  while (true) {
    const std::string_view h = have();
    for (size_t at = from; (at = h.find('\n', at)) != std::string_view::npos; ++at) {
      size_t next = at + 1;
      if (next < h.size() && h[next] == '\r') ++next;
      if (next < h.size() && h[next] == '\n') {
        header = h.substr(0, at + 1);
        size = next + 1;
        return true;
      }
    }
    if (h.size() > kMaxHeader) {
      fail("record header longer than 64 KiB");
      return false;
    }
    from = h.size() > 2 ? h.size() - 2 : 0;
    if (!fill()) {
      if (!gap_) fail("record header cut off");
      return false;
    }
  }
}

bool WarcReader::read_block(WarcRecord& record) {
  record.too_large = record.length > options_.max_block;
  uint64_t left = record.length;
  if (record.too_large) {
    while (left > 0) {
      const auto n = static_cast<size_t>(std::min<uint64_t>(left, have().size()));
      consume(n);
      left -= n;
      if (left > 0 && !fill()) return true;  // reported as too large, not as cut off
    }
    return true;
  }
  while (have().size() < left) {
    if (fill()) continue;
    if (!gap_) fail(fmt::format("record cut off: {} of {} bytes", have().size(), left));
    record.truncated = true;
    left = have().size();
    break;
  }
  record.block.assign(have().substr(0, static_cast<size_t>(left)));
  consume(static_cast<size_t>(left));
  return true;
}

bool WarcReader::parse_warc(WarcRecord& record) {
  std::string_view header;
  size_t size = 0;
  if (!header_block(header, size)) {
    consume(have().empty() ? 0 : 1);
    resync();
    return false;
  }
  bool has_length = false;
  size_t line_at = header.find('\n') + 1;
  while (line_at < header.size()) {
    const size_t end = header.find('\n', line_at);
    const std::string_view line = header.substr(line_at, end - line_at);
    line_at = end + 1;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name = lower(trim(line.substr(0, colon)));
    const std::string_view value = trim(line.substr(colon + 1));
    if (name == "content-length") {
      has_length =
          all_digits(value) &&
          std::from_chars(value.data(), value.data() + value.size(), record.length).ec == std::errc();
    } else if (name == "warc-type") {
      record.type = lower(value);
    } else if (name == "warc-target-uri") {
      record.uri = clean_uri(value);
    } else if (name == "warc-date") {
      record.date = std::string(value);
    } else if (name == "content-type") {
      record.content_type = std::string(value);
    } else if (name == "warc-block-digest") {
      record.block_digest = std::string(value);
    } else if (name == "warc-payload-digest") {
      record.payload_digest = std::string(value);
    } else if (name == "warc-record-id") {
      record.id = std::string(value);
    }
  }
  if (!has_length) {
    fail("record without a Content-Length");
    consume(1);
    resync();
    return false;
  }
  consume(size);
  return read_block(record);
}

bool WarcReader::parse_arc(WarcRecord& record) {
  while (have().find('\n') == std::string_view::npos && have().size() < kMaxHeader && fill()) {
  }
  const std::string_view h = have();
  const size_t end = h.find('\n');
  if (end == std::string_view::npos || !arc_line(h.substr(0, end), record)) {
    fail("no record header here");
    resync();
    return false;
  }
  arc_ = true;
  consume(end + 1);
  return read_block(record);
}

bool WarcReader::next(WarcRecord& record) {
  while (true) {
    record = WarcRecord();
    if (!skip_blanks()) {
      if (!gap_) return false;
      gap_ = false;
      marks_.push_back({logical_, after_gap_offset_});
      buffer_ = std::exchange(after_gap_, {});
      begin_ = 0;
      continue;
    }
    while (have().size() < 5 && fill()) {
    }
    const Position at = position();
    record.offset = at.offset;
    record.starts_member = at.skip == 0;
    if (have().starts_with("WARC/") ? parse_warc(record) : parse_arc(record)) return true;
  }
}

}  // namespace leam::crawl
