// Pass 2b: a training page that quotes a held-out page is a leak even when the two are not alike as wholes
// (a chapter and its book, a page with another one pasted into it). For every training document: which share
// of a held-out document's word runs it holds, and which share of its own word runs are a held-out
// document's. Above the threshold the training document goes.
//
// Runs that occur in many held-out documents are boilerplate and say nothing; they are left out on both
// sides. The result of each batch is kept in the work folder.
#pragma once

#include "pipeline/corpus/decide.h"

namespace leam::corpus {

Result<void> drop_leaks(const Config& c, const artifact::FrameSet& input, const std::string& work_folder,
                        Scan& scan, Decision& decision, Context& ctx);

}  // namespace leam::corpus
