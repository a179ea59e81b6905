// Classes of characters for cutting text into words before it is tokenized. They come from a table of our
// own (Unicode 16) and not from ICU: how a text is cut must not depend on the machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace leam::text::detail {

// General categories in the order of the table.
enum class Category : uint8_t {
  kCn,
  kLu,
  kLl,
  kLt,
  kLm,
  kLo,
  kMn,
  kMc,
  kMe,
  kNd,
  kNl,
  kNo,
  kPc,
  kPd,
  kPs,  //
  kPe,
  kPi,
  kPf,
  kPo,
  kSm,
  kSc,
  kSk,
  kSo,
  kZs,
  kZl,
  kZp,
  kCc,
  kCf,
  kCs,
  kCo,
};

// Run i covers the code points from kCategoryRuns[i] >> 5 to the next run; its low 5 bits are the category.
extern const uint32_t kCategoryRuns[];
extern const size_t kCategoryRunCount;

// Bits of a character's class. The first three and kOther share out all characters.
inline constexpr uint8_t kLetter = 1;    // \p{L}
inline constexpr uint8_t kNumber = 2;    // \p{N}
inline constexpr uint8_t kSpace = 4;     // \s: White_Space
inline constexpr uint8_t kOther = 8;     // none of these three
inline constexpr uint8_t kNewline = 16;  // \r \n
inline constexpr uint8_t kUpper = 32;    // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
inline constexpr uint8_t kLower = 64;    // [\p{Ll}\p{Lm}\p{Lo}\p{M}]
inline constexpr uint8_t kPunct = 128;   // \p{P} and all of ASCII's punctuation

class CharClasses {
 public:
  // Built once, never changed.
  static const CharClasses& get();

  uint8_t of(char32_t c) const { return blocks_[pages_[c >> 8]][c & 0xff]; }
  Category category(char32_t c) const;
  // \w of the `regex` crate: Alphabetic, M, Nd, Pc, joiners (marks and letters stand in for Alphabetic).
  bool is_word(char32_t c) const;

  // The class of the character at p, and its bytes. Valid UTF-8 only.
  uint8_t at(const char* p, int& size) const {
    const auto b0 = static_cast<unsigned char>(p[0]);
    if (b0 < 0x80) {
      size = 1;
      return two_[b0];
    }
    const unsigned b1 = static_cast<unsigned char>(p[1]) & 0x3f;
    if (b0 < 0xe0) {
      size = 2;
      return two_[(b0 & 0x1fu) << 6 | b1];
    }
    const unsigned b2 = static_cast<unsigned char>(p[2]) & 0x3f;
    if (b0 < 0xf0) {
      size = 3;
      return of((b0 & 0xfu) << 12 | b1 << 6 | b2);
    }
    const unsigned b3 = static_cast<unsigned char>(p[3]) & 0x3f;
    size = 4;
    return of((b0 & 0x7u) << 18 | b1 << 12 | b2 << 6 | b3);
  }

 private:
  CharClasses();
  std::array<uint8_t, 0x800> two_{};      // what one or two bytes can say
  std::array<uint16_t, 0x1100> pages_{};  // block of each 256 code points
  std::unique_ptr<std::array<uint8_t, 256>[]> blocks_;
};

}  // namespace leam::text::detail
