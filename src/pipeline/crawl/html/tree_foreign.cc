// Tree construction: SVG and MathML inside HTML, and the names they use there.
#include <algorithm>

#include "pipeline/crawl/html/tree_builder.h"

namespace leam::crawl::html {
namespace {

// HTML standard, 13.2.6.5: SVG elements and attributes whose names are not lower case.
constexpr std::string_view kSvgNames[] = {"altGlyph",
                                          "altGlyphDef",
                                          "altGlyphItem",
                                          "animateColor",
                                          "animateMotion",
                                          "animateTransform",
                                          "clipPath",
                                          "feBlend",
                                          "feColorMatrix",
                                          "feComponentTransfer",
                                          "feComposite",
                                          "feConvolveMatrix",
                                          "feDiffuseLighting",
                                          "feDisplacementMap",
                                          "feDistantLight",
                                          "feDropShadow",
                                          "feFlood",
                                          "feFuncA",
                                          "feFuncB",
                                          "feFuncG",
                                          "feFuncR",
                                          "feGaussianBlur",
                                          "feImage",
                                          "feMerge",
                                          "feMergeNode",
                                          "feMorphology",
                                          "feOffset",
                                          "fePointLight",
                                          "feSpecularLighting",
                                          "feSpotLight",
                                          "feTile",
                                          "feTurbulence",
                                          "foreignObject",
                                          "glyphRef",
                                          "linearGradient",
                                          "radialGradient",
                                          "textPath"};
constexpr std::string_view kSvgAttributes[] = {"attributeName",
                                               "attributeType",
                                               "baseFrequency",
                                               "baseProfile",
                                               "calcMode",
                                               "clipPathUnits",
                                               "diffuseConstant",
                                               "edgeMode",
                                               "filterUnits",
                                               "glyphRef",
                                               "gradientTransform",
                                               "gradientUnits",
                                               "kernelMatrix",
                                               "kernelUnitLength",
                                               "keyPoints",
                                               "keySplines",
                                               "keyTimes",
                                               "lengthAdjust",
                                               "limitingConeAngle",
                                               "markerHeight",
                                               "markerUnits",
                                               "markerWidth",
                                               "maskContentUnits",
                                               "maskUnits",
                                               "numOctaves",
                                               "pathLength",
                                               "patternContentUnits",
                                               "patternTransform",
                                               "patternUnits",
                                               "pointsAtX",
                                               "pointsAtY",
                                               "pointsAtZ",
                                               "preserveAlpha",
                                               "preserveAspectRatio",
                                               "primitiveUnits",
                                               "refX",
                                               "refY",
                                               "repeatCount",
                                               "repeatDur",
                                               "requiredExtensions",
                                               "requiredFeatures",
                                               "specularConstant",
                                               "specularExponent",
                                               "spreadMethod",
                                               "startOffset",
                                               "stdDeviation",
                                               "stitchTiles",
                                               "surfaceScale",
                                               "systemLanguage",
                                               "tableValues",
                                               "targetX",
                                               "targetY",
                                               "textLength",
                                               "viewBox",
                                               "viewTarget",
                                               "xChannelSelector",
                                               "yChannelSelector",
                                               "zoomAndPan"};

bool same_folded(std::string_view mixed, std::string_view lower) {
  return mixed.size() == lower.size() &&
         std::equal(mixed.begin(), mixed.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
         });
}

constexpr TagSet kBreakout{Tag::kB,       Tag::kBig,  Tag::kBlockquote, Tag::kBody,  Tag::kBr,   Tag::kCenter,
                           Tag::kCode,    Tag::kDd,   Tag::kDiv,        Tag::kDl,    Tag::kDt,   Tag::kEm,
                           Tag::kEmbed,   Tag::kH1,   Tag::kH2,         Tag::kH3,    Tag::kH4,   Tag::kH5,
                           Tag::kH6,      Tag::kHead, Tag::kHr,         Tag::kI,     Tag::kImg,  Tag::kLi,
                           Tag::kListing, Tag::kMenu, Tag::kMeta,       Tag::kNobr,  Tag::kOl,   Tag::kP,
                           Tag::kPre,     Tag::kRuby, Tag::kS,          Tag::kSmall, Tag::kSpan, Tag::kStrong,
                           Tag::kStrike,  Tag::kSub,  Tag::kSup,        Tag::kTable, Tag::kTt,   Tag::kU,
                           Tag::kUl,      Tag::kVar};

}  // namespace

std::string_view adjusted_svg_name(std::string_view lower) {
  for (std::string_view name : kSvgNames) {
    if (same_folded(name, lower)) return name;
  }
  return lower;
}

std::string_view adjusted_attribute(std::string_view lower, Ns ns) {
  if (ns == Ns::kMathml) return lower == "definitionurl" ? std::string_view("definitionURL") : lower;
  for (std::string_view name : kSvgAttributes) {
    if (same_folded(name, lower)) return name;
  }
  return lower;
}

Tag foreign_tag(Ns ns, std::string_view name) {
  if (ns == Ns::kMathml) {
    if (name == "mi") return Tag::kMathMi;
    if (name == "mo") return Tag::kMathMo;
    if (name == "mn") return Tag::kMathMn;
    if (name == "ms") return Tag::kMathMs;
    if (name == "mtext") return Tag::kMathMtext;
    if (name == "annotation-xml") return Tag::kMathAnnotationXml;
  } else if (ns == Ns::kSvg) {
    if (name == "foreignObject") return Tag::kSvgForeignObject;
    if (name == "desc") return Tag::kSvgDesc;
    if (name == "title") return Tag::kSvgTitle;
    if (name == "script") return Tag::kSvgScript;
  }
  return Tag::kForeign;
}

Node* TreeBuilder::insert_foreign(const Token& t, Ns ns, bool push_it) {
  std::vector<Attr> attrs = tokenizer_.attributes();
  for (Attr& a : attrs) a.name = adjusted_attribute(a.name, ns);
  const std::string_view name = ns == Ns::kSvg ? adjusted_svg_name(t.name) : t.name;
  Node* n = make_element(foreign_tag(ns, name), ns, name, attrs);
  insert_at(appropriate_place(), n);
  if (push_it) push(n);
  return n;
}

bool TreeBuilder::in_foreign(Token& t) {
  switch (t.type) {
    case Type::kText: {
      std::string_view rest = t.text;
      if (frameset_ok_) {
        for (char c : rest) {
          if (!is_html_space(c) && c != '\0') frameset_ok_ = false;
        }
      }
      while (!rest.empty()) {
        const size_t nul = t.has_nul ? rest.find('\0') : std::string_view::npos;
        insert_text(rest.substr(0, nul));
        if (nul == std::string_view::npos) break;
        insert_text("\xEF\xBF\xBD");
        rest = rest.substr(nul + 1);
      }
      return true;
    }
    case Type::kComment:
      insert_comment(t);
      return true;
    case Type::kDoctype:
    case Type::kEof:
      return true;
    case Type::kStartTag: {
      bool breakout = kBreakout.has(t.tag);
      if (t.tag == Tag::kFont) {
        for (const Attr& a : tokenizer_.attributes()) {
          breakout = breakout || a.name == "color" || a.name == "face" || a.name == "size";
        }
      }
      if (!breakout) {
        insert_foreign(t, adjusted_current()->ns, !t.self_closing);
        return true;
      }
      break;
    }
    case Type::kEndTag: {
      if (t.tag == Tag::kBr || t.tag == Tag::kP) break;
      for (size_t i = open_.size() - 1; i > 0; --i) {
        ++steps_;
        const Node* n = open_[i];
        if (n->ns == Ns::kHtml) return handle(mode_, t);
        if (same_folded(n->name(), t.name)) {
          while (open_.size() > i) pop();
          return true;
        }
      }
      return true;
    }
  }
  // HTML that does not belong here closes the foreign elements around it.
  const auto stays = [&] {
    const Node* n = current();
    if (n->ns == Ns::kHtml) return true;
    switch (n->tag) {
      case Tag::kMathMi:
      case Tag::kMathMo:
      case Tag::kMathMn:
      case Tag::kMathMs:
      case Tag::kMathMtext:
      case Tag::kSvgForeignObject:
      case Tag::kSvgDesc:
      case Tag::kSvgTitle:
        return true;
      case Tag::kMathAnnotationXml: {
        const std::string_view e = n->attr("encoding");
        return same_folded(e, "text/html") || same_folded(e, "application/xhtml+xml");
      }
      default:
        return false;
    }
  };
  while (!stays() && open_.size() > 1) pop();
  return handle(mode_, t);
}

// "Quirks" of a doctype, HTML standard, 13.2.6.4.1.
bool quirks_doctype(const Token& t) {
  constexpr std::string_view kPublicPrefixes[] = {
      "+//silmaril//dtd html pro v0r11 19970101//",
      "-//as//dtd html 3.0 aswedit + extensions//",
      "-//advasoft ltd//dtd html 3.0 aswedit + extensions//",
      "-//ietf//dtd html 2.0 level 1//",
      "-//ietf//dtd html 2.0 level 2//",
      "-//ietf//dtd html 2.0 strict level 1//",
      "-//ietf//dtd html 2.0 strict level 2//",
      "-//ietf//dtd html 2.0 strict//",
      "-//ietf//dtd html 2.0//",
      "-//ietf//dtd html 2.1e//",
      "-//ietf//dtd html 3.0//",
      "-//ietf//dtd html 3.2 final//",
      "-//ietf//dtd html 3.2//",
      "-//ietf//dtd html 3//",
      "-//ietf//dtd html level 0//",
      "-//ietf//dtd html level 1//",
      "-//ietf//dtd html level 2//",
      "-//ietf//dtd html level 3//",
      "-//ietf//dtd html strict level 0//",
      "-//ietf//dtd html strict level 1//",
      "-//ietf//dtd html strict level 2//",
      "-//ietf//dtd html strict level 3//",
      "-//ietf//dtd html strict//",
      "-//ietf//dtd html//",
      "-//metrius//dtd metrius presentational//",
      "-//microsoft//dtd internet explorer 2.0 html strict//",
      "-//microsoft//dtd internet explorer 2.0 html//",
      "-//microsoft//dtd internet explorer 2.0 tables//",
      "-//microsoft//dtd internet explorer 3.0 html strict//",
      "-//microsoft//dtd internet explorer 3.0 html//",
      "-//microsoft//dtd internet explorer 3.0 tables//",
      "-//netscape comm. corp.//dtd html//",
      "-//netscape comm. corp.//dtd strict html//",
      "-//o'reilly and associates//dtd html 2.0//",
      "-//o'reilly and associates//dtd html extended 1.0//",
      "-//o'reilly and associates//dtd html extended relaxed 1.0//",
      "-//sq//dtd html 2.0 hotmetal + extensions//",
      "-//softquad software//dtd hotmetal pro 6.0::19990601::extensions to html 4.0//",
      "-//softquad//dtd hotmetal pro 4.0::19971010::extensions to html 4.0//",
      "-//spyglass//dtd html 2.0 extended//",
      "-//sun microsystems corp.//dtd hotjava html//",
      "-//sun microsystems corp.//dtd hotjava strict html//",
      "-//w3c//dtd html 3 1995-03-24//",
      "-//w3c//dtd html 3.2 draft//",
      "-//w3c//dtd html 3.2 final//",
      "-//w3c//dtd html 3.2//",
      "-//w3c//dtd html 3.2s draft//",
      "-//w3c//dtd html 4.0 frameset//",
      "-//w3c//dtd html 4.0 transitional//",
      "-//w3c//dtd html experimental 19960712//",
      "-//w3c//dtd html experimental 970421//",
      "-//w3c//dtd w3 html//",
      "-//w3o//dtd w3 html 3.0//",
      "-//webtechs//dtd mozilla html 2.0//",
      "-//webtechs//dtd mozilla html//"};
  if (t.force_quirks || t.name != "html") return true;
  const auto starts = [](std::string_view s, std::string_view prefix) {
    return s.size() >= prefix.size() && same_folded(s.substr(0, prefix.size()), prefix);
  };
  const std::string_view id = t.public_id, system = t.system_id;
  if (same_folded(id, "-//w3o//dtd w3 html strict 3.0//en//") ||
      same_folded(id, "-/w3c/dtd html 4.0 transitional/en") || same_folded(id, "html") ||
      same_folded(system, "http://www.ibm.com/data/dtd/v11/ibmxhtml1-transitional.dtd"))
    return true;
  for (std::string_view prefix : kPublicPrefixes) {
    if (starts(id, prefix)) return true;
  }
  return !t.has_system && (starts(id, "-//w3c//dtd html 4.01 frameset//") ||
                           starts(id, "-//w3c//dtd html 4.01 transitional//"));
}

}  // namespace leam::crawl::html
