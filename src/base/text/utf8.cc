#include "base/text/utf8.h"

#include <simdjson.h>

#include <cstring>

namespace leam::text {
namespace {

uint8_t byte_at(std::string_view s, size_t i) {
  return static_cast<uint8_t>(s[i]);
}

// Length of the well-formed sequence at `i`, or 0; `bad` is then the length of the ill-formed subpart.
size_t sequence(std::string_view s, size_t i, size_t& bad) {
  const uint8_t a = byte_at(s, i);
  bad = 1;
  if (a < 0x80) return 1;
  size_t need = 0;
  uint8_t low = 0x80, high = 0xBF;
  if (a >= 0xC2 && a <= 0xDF) {
    need = 1;
  } else if (a >= 0xE0 && a <= 0xEF) {
    need = 2;
    if (a == 0xE0) low = 0xA0;
    if (a == 0xED) high = 0x9F;
  } else if (a >= 0xF0 && a <= 0xF4) {
    need = 3;
    if (a == 0xF0) low = 0x90;
    if (a == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  for (size_t k = 1; k <= need; ++k) {
    if (i + k >= s.size()) {
      bad = s.size() - i;
      return 0;
    }
    const uint8_t b = byte_at(s, i + k);
    if (b < low || b > high) {
      bad = k;
      return 0;
    }
    low = 0x80;
    high = 0xBF;
  }
  return need + 1;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

std::string repair_utf8(std::string_view bytes, uint64_t* replaced) {
  if (is_utf8(bytes)) return std::string(bytes);
  std::string out;
  out.reserve(bytes.size() + 64);
  size_t kept = 0, i = 0;
  while (i < bytes.size()) {
    size_t bad = 0;
    const size_t n = sequence(bytes, i, bad);
    if (n > 0) {
      i += n;
      continue;
    }
    out.append(bytes.substr(kept, i - kept));
    out.append("\xEF\xBF\xBD");
    if (replaced != nullptr) ++*replaced;
    i += bad;
    kept = i;
  }
  out.append(bytes.substr(kept));
  return out;
}

uint64_t count_code_points(std::string_view utf8) {
  uint64_t n = 0;
  size_t i = 0;
  // Eight bytes at a time: a byte is a continuation when its bit 7 is set and its bit 6 is not.
  for (; i + 8 <= utf8.size(); i += 8) {
    uint64_t w = 0;
    std::memcpy(&w, utf8.data() + i, 8);
    const uint64_t continuation = (w >> 7) & ~(w >> 6) & 0x0101010101010101ull;
    n += 8u - static_cast<unsigned>(__builtin_popcountll(continuation));
  }
  for (; i < utf8.size(); ++i) n += (byte_at(utf8, i) & 0xC0) != 0x80;
  return n;
}

void append_utf8(std::string& out, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = kReplacement;
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (c >> 6)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (c >> 12)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | (c >> 18)));
    out.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

char32_t next_code_point(std::string_view s, size_t& at) {
  const uint8_t a = byte_at(s, at);
  const auto tail = [&](size_t k) -> char32_t { return at + k < s.size() ? byte_at(s, at + k) & 0x3Fu : 0u; };
  char32_t c = a;
  size_t n = 1;
  if (a >= 0xF0) {
    c = (static_cast<char32_t>(a & 7u) << 18) | (tail(1) << 12) | (tail(2) << 6) | tail(3);
    n = 4;
  } else if (a >= 0xE0) {
    c = (static_cast<char32_t>(a & 15u) << 12) | (tail(1) << 6) | tail(2);
    n = 3;
  } else if (a >= 0x80) {
    c = (static_cast<char32_t>(a & 31u) << 6) | tail(1);
    n = 2;
  }
  at = at + n < s.size() ? at + n : s.size();
  return c;
}

std::string_view utf8_prefix(std::string_view utf8, size_t bytes) {
  if (bytes >= utf8.size()) return utf8;
  while (bytes > 0 && (byte_at(utf8, bytes) & 0xC0) == 0x80) --bytes;
  return utf8.substr(0, bytes);
}

}  // namespace leam::text
