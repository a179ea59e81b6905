// The frame index beside a part: docs/formats/documents.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/artifact/documents.h"

namespace leam::artifact {

struct FrameIndex {
  uint64_t file_size = 0;
  std::vector<Frame> frames;
};

std::string index_path(const std::string& part);
std::string write_index(const FrameIndex& index);
// Nothing when it is not an index that this version understands, or its hash is wrong, or its frames do
// not fill the file.
std::optional<FrameIndex> read_index(std::string_view bytes);

}  // namespace leam::artifact
