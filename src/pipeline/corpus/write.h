// Pass 3: writes the parts in an order that mixes languages and sources: by a hash of seed, id and copy.
//
// First every batch of the input is dealt out by the part its documents go to, into one file in the work
// folder (frames of zstd level 1, one for each input frame and part). Then each part is gathered from
// all batches, sorted and written. So memory is one part, whatever the size of the corpus, and both halves
// go on where they stopped.
#pragma once

#include "pipeline/corpus/decide.h"

namespace leam::corpus {

Result<void> write_parts(const Config& c, const artifact::FrameSet& input, const std::string& work_folder,
                         const Scan& scan, const Decision& decision, Context& ctx);

}  // namespace leam::corpus
