// Finding added tokens in text, as Hugging Face's AddedVocabulary does: leftmost first, of those that start
// at one place the longest, then the flags of the token that was found.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/text/tokenizer.h"

namespace leam::text::detail {

class AddedTokenFinder {
 public:
  void add(const AddedToken& token, std::string_view content);
  bool empty() const { return tokens_.empty(); }

  struct Found {
    bool any = false;
    size_t begin = 0, end = 0;  // white space taken in by lstrip and rstrip included
    size_t next = 0;            // where to look on: the end of its own text, white space not included
    TokenId id = 0;
  };
  // The first token at or after `from` that counts, in valid UTF-8. Special tokens are passed over when not
  // `parse_special`. White space before `taken` belongs to the token before. (So a token of white space is
  // found again behind one with rstrip that took it: that is what the original does.)
  Found find(std::string_view text, size_t from, size_t taken, bool parse_special) const;

 private:
  struct Node {
    int token = -1;  // that ends here
    std::vector<std::pair<char, int>> next;
  };
  std::pair<int, size_t> longest_at(std::string_view text, size_t at) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_{1};
  std::array<bool, 256> starts_{};
  int only_start_ = -1;  // the byte all tokens start with, if there is one
};

}  // namespace leam::text::detail
