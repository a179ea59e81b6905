#include "base/text/tokenizer/categories.h"

#include <algorithm>
#include <map>
#include <vector>

namespace leam::text::detail {
namespace {

constexpr char32_t kEnd = 0x110000;

bool is_white_space(char32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

uint8_t class_of(char32_t c, Category category) {
  uint8_t bits = 0;
  const auto in = [category](Category first, Category last) { return category >= first && category <= last; };
  if (is_white_space(c)) bits |= kSpace;
  if (c == '\r' || c == '\n') bits |= kNewline;
  if (in(Category::kLu, Category::kLo)) bits |= kLetter;
  if (in(Category::kNd, Category::kNo)) bits |= kNumber;
  if ((bits & (kSpace | kLetter | kNumber)) == 0) bits |= kOther;
  const bool either = in(Category::kLm, Category::kLo) || in(Category::kMn, Category::kMe);
  if (either || category == Category::kLu || category == Category::kLt) bits |= kUpper;
  if (either || category == Category::kLl) bits |= kLower;
  const bool ascii_symbol = c < 0x80 && in(Category::kSm, Category::kSo);
  if (in(Category::kPc, Category::kPo) || ascii_symbol) bits |= kPunct;
  return bits;
}

}  // namespace

const CharClasses& CharClasses::get() {
  static const CharClasses classes;
  return classes;
}

CharClasses::CharClasses() {
  std::vector<uint8_t> all(kEnd);
  for (size_t run = 0; run < kCategoryRunCount; ++run) {
    const char32_t begin = kCategoryRuns[run] >> 5;
    const char32_t end = run + 1 < kCategoryRunCount ? kCategoryRuns[run + 1] >> 5 : kEnd;
    const auto category = static_cast<Category>(kCategoryRuns[run] & 31);
    for (char32_t c = begin; c < end; ++c) all[c] = class_of(c, category);
  }
  std::copy_n(all.begin(), two_.size(), two_.begin());
  std::map<std::string_view, uint16_t> known;
  std::vector<std::string_view> blocks;
  for (size_t page = 0; page < pages_.size(); ++page) {
    const std::string_view block(reinterpret_cast<const char*>(all.data()) + page * 256, 256);
    const auto [at, fresh] = known.emplace(block, static_cast<uint16_t>(blocks.size()));
    if (fresh) blocks.push_back(block);
    pages_[page] = at->second;
  }
  blocks_ = std::make_unique<std::array<uint8_t, 256>[]>(blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    std::transform(blocks[i].begin(), blocks[i].end(), blocks_[i].begin(),
                   [](char v) { return static_cast<uint8_t>(v); });
  }
}

Category CharClasses::category(char32_t c) const {
  const uint32_t* end = kCategoryRuns + kCategoryRunCount;
  const uint32_t* after = std::upper_bound(kCategoryRuns, end, static_cast<uint32_t>(c) << 5 | 31);
  return static_cast<Category>(after[-1] & 31);
}

bool CharClasses::is_word(char32_t c) const {
  if (c == 0x200c || c == 0x200d) return true;
  const Category k = category(c);
  return (k >= Category::kLu && k <= Category::kNl) || k == Category::kPc;
}

}  // namespace leam::text::detail
