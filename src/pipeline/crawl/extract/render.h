// From nodes to lines of text. Private to extraction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/crawl/html/dom.h"

namespace leam::crawl {

// Elements that begin and end a line.
inline constexpr html::TagSet kLineElements{
    html::Tag::kAddress, html::Tag::kArticle,  html::Tag::kAside,      html::Tag::kBlockquote,
    html::Tag::kBody,    html::Tag::kCaption,  html::Tag::kCenter,     html::Tag::kDd,
    html::Tag::kDetails, html::Tag::kDir,      html::Tag::kDiv,        html::Tag::kDl,
    html::Tag::kDt,      html::Tag::kFieldset, html::Tag::kFigcaption, html::Tag::kFigure,
    html::Tag::kFooter,  html::Tag::kForm,     html::Tag::kH1,         html::Tag::kH2,
    html::Tag::kH3,      html::Tag::kH4,       html::Tag::kH5,         html::Tag::kH6,
    html::Tag::kHeader,  html::Tag::kHgroup,   html::Tag::kHr,         html::Tag::kHtml,
    html::Tag::kLegend,  html::Tag::kLi,       html::Tag::kListing,    html::Tag::kMain,
    html::Tag::kMenu,    html::Tag::kNav,      html::Tag::kOl,         html::Tag::kOption,
    html::Tag::kP,       html::Tag::kPre,      html::Tag::kSearch,     html::Tag::kSection,
    html::Tag::kSummary, html::Tag::kTable,    html::Tag::kTbody,      html::Tag::kTfoot,
    html::Tag::kThead,   html::Tag::kTr,       html::Tag::kUl,         html::Tag::kXmp,
    html::Tag::kTd,      html::Tag::kTh};

// Elements that are never text.
inline constexpr html::TagSet kNeverText{
    html::Tag::kScript,   html::Tag::kStyle,    html::Tag::kNoscript, html::Tag::kTemplate,
    html::Tag::kIframe,   html::Tag::kObject,   html::Tag::kEmbed,    html::Tag::kApplet,
    html::Tag::kCanvas,   html::Tag::kAudio,    html::Tag::kVideo,    html::Tag::kMap,
    html::Tag::kSvg,      html::Tag::kInput,    html::Tag::kSelect,   html::Tag::kTextarea,
    html::Tag::kButton,   html::Tag::kDatalist, html::Tag::kNoembed,  html::Tag::kNoframes,
    html::Tag::kHead,     html::Tag::kTitle,    html::Tag::kMeta,     html::Tag::kLink,
    html::Tag::kRp,       html::Tag::kProgress, html::Tag::kMeter,    html::Tag::kKeygen,
    html::Tag::kOutput,   html::Tag::kDialog,   html::Tag::kSvgTitle, html::Tag::kSvgDesc,
    html::Tag::kSvgScript};

// The text below `root`, a line for every block, table rows with tabs between cells, <pre> as it stands.
// Elements whose `index` is marked in `dropped` are left out with all that is in them.
void render(const html::Node* root, const std::vector<uint8_t>& dropped, std::string& out);

}  // namespace leam::crawl
