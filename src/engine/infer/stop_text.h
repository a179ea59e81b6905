// Stop strings: finds the first of them in text that comes in pieces, wherever the pieces are cut, and
// never lets a part of one out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leam::infer {

class StopText {
 public:
  explicit StopText(std::vector<std::string> stops);  // none of them empty
  // The text that is now certain to come before any stop string. After hit() nothing more comes.
  std::string push(std::string_view text);
  // The end of the text: what was held back.
  std::string finish();
  bool hit() const { return hit_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool hit_ = false;
};

}  // namespace leam::infer
