#include "pipeline/crawl/read/digest.h"

#include <openssl/evp.h>

#include <string>

namespace leam::crawl {
namespace {

std::string sha1(std::string_view bytes) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out, &n, EVP_sha1(), nullptr) != 1) return "";
  return {reinterpret_cast<const char*>(out), n};
}

// Bits of `s` in an alphabet of 2^bits letters, "" if a letter is of another one. Padding is passed over.
std::string decode(std::string_view s, int bits, int (*value)(char)) {
  std::string out;
  unsigned held = 0;
  int have = 0;
  for (char c : s) {
    if (c == '=') break;
    const int v = value(c);
    if (v < 0) return "";
    held = (held << bits) | static_cast<unsigned>(v);
    have += bits;
    if (have >= 8) {
      have -= 8;
      out.push_back(static_cast<char>((held >> have) & 0xFF));
      held &= (1u << have) - 1;
    }
  }
  return out;
}

int base32(char c) {
  const char u = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  if (u >= 'A' && u <= 'Z') return u - 'A';
  return u >= '2' && u <= '7' ? u - '2' + 26 : -1;
}
int base16(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = static_cast<char>(c | 32);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}
int base64(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

}  // namespace

DigestCheck check_digest(std::string_view digest, std::string_view bytes) {
  const size_t colon = digest.find(':');
  if (colon == std::string_view::npos) return DigestCheck::kNone;
  std::string algorithm(digest.substr(0, colon));
  for (char& c : algorithm) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (algorithm != "sha1" && algorithm != "sha-1") return DigestCheck::kNone;
  const std::string_view value = digest.substr(colon + 1);
  const std::string want = sha1(bytes);
  for (const std::string& have :
       {decode(value, 5, base32), decode(value, 4, base16), decode(value, 6, base64)}) {
    if (!want.empty() && have == want) return DigestCheck::kGood;
  }
  return DigestCheck::kBad;
}

std::string_view http_payload(std::string_view block) {
  for (size_t at = 0; (at = block.find('\n', at)) != std::string_view::npos; ++at) {
    size_t next = at + 1;
    if (next < block.size() && block[next] == '\r') ++next;
    if (next < block.size() && block[next] == '\n') return block.substr(next + 1);
  }
  return {};
}

}  // namespace leam::crawl
