// The HTTP response inside a WARC record.
#pragma once

#include <string>
#include <string_view>

namespace leam::crawl {

struct HttpResponse {
  int status = 0;  // 0: there was no status line
  std::string content_type, content_encoding, robots_tag, tdm_reservation, tdm_policy, content_language;
  std::string body;        // dechunked and unpacked
  bool truncated = false;  // over the limit, or the chunks end early
  std::string error;       // why the body could not be unpacked, else empty
};

// Never fails: what is no HTTP is all body. At most `limit` bytes of body after unpacking.
HttpResponse parse_http(std::string_view block, size_t limit);

// Removes chunked coding. False if `body` is not chunked at all; `truncated` when it ends before its last
// chunk.
bool dechunk(std::string_view body, std::string& out, bool& truncated);

}  // namespace leam::crawl
