#include "pipeline/crawl/read/http.h"

#include "pipeline/crawl/read/source.h"

namespace leam::crawl {
namespace {

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

// Behind the header's empty line, npos if there is none.
size_t body_start(std::string_view s) {
  for (size_t at = 0; (at = s.find('\n', at)) != std::string_view::npos; ++at) {
    size_t next = at + 1;
    if (next < s.size() && s[next] == '\r') ++next;
    if (next < s.size() && s[next] == '\n') return next + 1;
    if (at > 1u << 20) break;
  }
  return std::string_view::npos;
}

void join(std::string& list, std::string_view value) {
  if (!list.empty()) list += ", ";
  list += value;
}

}  // namespace

bool dechunk(std::string_view body, std::string& out, bool& truncated) {
  out.clear();
  truncated = false;
  size_t at = 0;
  while (at < body.size()) {
    const size_t line = body.find('\n', at);
    const std::string_view size_line = trim(body.substr(at, line == std::string_view::npos ? 0 : line - at));
    size_t n = 0, digits = 0;
    for (char c : size_line.substr(0, 9)) {
      const int d = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;
      if (d < 0) break;
      n = n * 16 + static_cast<size_t>(d);
      ++digits;
    }
    const bool good = digits > 0 && digits <= 8 &&
                      (digits == size_line.size() || size_line[digits] == ';' || size_line[digits] == ' ');
    if (!good) {
      if (at == 0) return false;
      truncated = true;
      return true;
    }
    if (n == 0) return true;
    at = line + 1;
    if (n > body.size() - at) {
      out.append(body.substr(at));
      truncated = true;
      return true;
    }
    out.append(body.substr(at, n));
    at += n;
    if (at < body.size() && body[at] == '\r') ++at;
    if (at < body.size() && body[at] == '\n') ++at;
  }
  truncated = true;
  return at > 0;
}

HttpResponse parse_http(std::string_view block, size_t limit) {
  HttpResponse r;
  std::string_view body = block;
  bool chunked = false;
  if (block.starts_with("HTTP/")) {
    const size_t start = body_start(block);
    const std::string_view header = block.substr(0, start);
    body = start == std::string_view::npos ? std::string_view() : block.substr(start);
    const size_t space = header.find(' ');
    for (size_t i = space + 1; space != std::string_view::npos && i < header.size() && i < space + 4; ++i) {
      if (header[i] < '0' || header[i] > '9') break;
      r.status = r.status * 10 + (header[i] - '0');
    }
    size_t at = header.find('\n');
    while (at != std::string_view::npos && at + 1 < header.size()) {
      const size_t end = header.find('\n', at + 1);
      const std::string_view line =
          header.substr(at + 1, (end == std::string_view::npos ? header.size() : end) - at - 1);
      at = end;
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      const std::string name = lower(trim(line.substr(0, colon)));
      const std::string_view value = trim(line.substr(colon + 1));
      if (name == "content-type") r.content_type = std::string(value);
      if (name == "content-encoding") r.content_encoding = lower(value);
      if (name == "content-language") r.content_language = std::string(value);
      if (name == "x-robots-tag") join(r.robots_tag, value);
      if (name == "tdm-reservation") r.tdm_reservation = std::string(value);
      if (name == "tdm-policy") r.tdm_policy = std::string(value);
      if (name == "transfer-encoding") chunked = lower(value).find("chunked") != std::string::npos;
    }
  }
  std::string plain;
  if (chunked && dechunk(body, plain, r.truncated)) {
    body = plain;
  }
  const std::string& coding = r.content_encoding;
  bool cut = false;
  if (coding.find("gzip") != std::string::npos && body.starts_with("\x1F\x8B")) {
    if (!unpack_all(body, limit, r.body, cut) && r.body.empty()) r.error = "gzip body is damaged";
  } else if (coding.find("zstd") != std::string::npos && body.starts_with("\x28\xB5\x2F\xFD")) {
    if (!unpack_all(body, limit, r.body, cut) && r.body.empty()) r.error = "zstd body is damaged";
  } else if (coding == "deflate") {
    if (!inflate_http(body, limit, r.body, cut)) r.body.assign(body.substr(0, limit));
  } else if (coding == "br") {
    r.error = "Content-Encoding br cannot be unpacked";
  } else {
    // Also a body that its header calls packed and that is not.
    r.body.assign(body.substr(0, limit));
    cut = body.size() > limit;
  }
  r.truncated = r.truncated || cut;
  return r;
}

}  // namespace leam::crawl
