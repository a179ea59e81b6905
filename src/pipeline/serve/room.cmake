# The playground page becomes a header, so that the program needs no file beside it.
set(page ${CMAKE_SOURCE_DIR}/web/playground/index.html)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
file(READ ${page} LEAM_PLAYGROUND_PAGE)
if(LEAM_PLAYGROUND_PAGE MATCHES "LEAM_PAGE\"")
  message(FATAL_ERROR "${page} holds the delimiter of the header made from it")
endif()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/pipeline/serve/playground_page.h @ONLY CONTENT
"#pragma once
#include <string_view>
namespace leam::serve {
inline constexpr std::string_view kPlaygroundPage = R\"LEAM_PAGE(@LEAM_PLAYGROUND_PAGE@)LEAM_PAGE\";
}
")
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/pipeline/serve/service.cc PROPERTIES INCLUDE_DIRECTORIES ${CMAKE_BINARY_DIR}/generated)
