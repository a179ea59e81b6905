// Element names as small numbers. A Tag stands for a name *in a namespace*: kTitle is HTML's title, kSvgTitle
// is SVG's, and every other foreign element is kForeign; so one comparison says both.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace leam::crawl::html {

enum class Tag : uint8_t {
  kUnknown,  // an HTML element with no rule of its own; the node keeps its name
#define LEAM_TAG(id, name) id,
#include "pipeline/crawl/html/tags.def"
#undef LEAM_TAG
  // Foreign elements that tree construction knows (the node keeps the name of every foreign element).
  kMathMi,
  kMathMo,
  kMathMn,
  kMathMs,
  kMathMtext,
  kMathAnnotationXml,
  kSvgForeignObject,
  kSvgDesc,
  kSvgTitle,
  kSvgScript,
  kForeign,
  kCount,
};

enum class Ns : uint8_t { kHtml, kMathml, kSvg };

// Lower-case name → Tag in the HTML namespace, kUnknown for any other.
Tag tag_of(std::string_view lower_name);
std::string_view name_of(Tag tag);  // "" for kUnknown and the foreign ones

class TagSet {
 public:
  constexpr TagSet() = default;
  constexpr TagSet(std::initializer_list<Tag> tags) {
    for (Tag t : tags) add(t);
  }
  constexpr bool has(Tag t) const {
    return ((words_[static_cast<size_t>(t) >> 6] >> (static_cast<size_t>(t) & 63)) & 1) != 0;
  }
  constexpr TagSet operator|(const TagSet& other) const {
    TagSet out = *this;
    for (size_t i = 0; i < words_.size(); ++i) out.words_[i] |= other.words_[i];
    return out;
  }
  constexpr TagSet operator-(const TagSet& other) const {
    TagSet out = *this;
    for (size_t i = 0; i < words_.size(); ++i) out.words_[i] &= ~other.words_[i];
    return out;
  }

 private:
  constexpr void add(Tag t) {
    words_[static_cast<size_t>(t) >> 6] |= uint64_t{1} << (static_cast<size_t>(t) & 63);
  }
  std::array<uint64_t, 4> words_{};
};

static_assert(static_cast<size_t>(Tag::kCount) <= 256);

inline constexpr TagSet kHeadings{Tag::kH1, Tag::kH2, Tag::kH3, Tag::kH4, Tag::kH5, Tag::kH6};
inline constexpr TagSet kVoid{Tag::kArea,   Tag::kBase,   Tag::kBasefont, Tag::kBgsound, Tag::kBr,
                              Tag::kCol,    Tag::kEmbed,  Tag::kFrame,    Tag::kHr,      Tag::kImg,
                              Tag::kInput,  Tag::kKeygen, Tag::kLink,     Tag::kMeta,    Tag::kParam,
                              Tag::kSource, Tag::kTrack,  Tag::kWbr};

}  // namespace leam::crawl::html
