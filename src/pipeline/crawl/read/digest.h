// The digests that WARC records carry: "sha1:…" in base32, hex or base64.
#pragma once

#include <string_view>

namespace leam::crawl {

enum class DigestCheck { kNone, kGood, kBad };  // kNone: no digest, or one of another algorithm

DigestCheck check_digest(std::string_view digest, std::string_view bytes);

// The part of a block that a payload digest is over: what follows the HTTP header.
std::string_view http_payload(std::string_view block);

}  // namespace leam::crawl
