#include "base/text/tokenizer/byte_level.h"

#include <array>

#include "base/text/utf8.h"

namespace leam::text {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

struct Alphabet {
  std::array<char32_t, 256> chars{};
  std::array<int16_t, 0x180> bytes{};  // by character; -1: not in the alphabet
};

constexpr Alphabet make_alphabet() {
  Alphabet a;
  for (int16_t& b : a.bytes) b = -1;
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t c = stands_for_itself(byte) ? byte : next++;
    a.chars[byte] = c;
    a.bytes[c] = static_cast<int16_t>(byte);
  }
  return a;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

char32_t byte_level_char(uint8_t byte) {
  return kAlphabet.chars[byte];
}

std::string to_byte_level(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) append_utf8(out, byte_level_char(static_cast<uint8_t>(c)));
  return out;
}

std::optional<std::string> from_byte_level(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    // Every character of the alphabet has one byte or two.
    unsigned c = static_cast<unsigned char>(text[i]);
    if (c >= 0xc2 && c < 0xe0 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) >> 6) == 2) {
      c = (c & 0x1fu) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fu);
    } else if (c >= 0x80) {
      return std::nullopt;
    }
    if (c >= kAlphabet.bytes.size() || kAlphabet.bytes[c] < 0) return std::nullopt;
    out += static_cast<char>(kAlphabet.bytes[c]);
  }
  return out;
}

}  // namespace leam::text
