# Flags for every target of the project. Our own code only: system headers stay quiet.
#
# The program must run on any x86-64 or ARM machine and be as fast as the one it runs on, so nothing
# is compiled for this machine's processor: Highway and oneDNN choose the instruction set at run time.
add_library(leam_flags INTERFACE)
target_compile_options(leam_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wimplicit-fallthrough
  # Contracted products would make a result depend on the compiler's mood: rounding is part of the contract.
  -ffp-contract=off
  $<$<BOOL:${LEAM_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside std::string and std::vector where there is nothing to report.
  target_compile_options(leam_flags INTERFACE -Wno-restrict -Wno-dangling-pointer -Wno-stringop-overflow
    -Wno-array-bounds -Wno-stringop-overread -Wno-maybe-uninitialized)
endif()
target_include_directories(leam_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)

if(LEAM_SANITIZE)
  add_compile_options(-fsanitize=${LEAM_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${LEAM_SANITIZE})
endif()

# The version a run record names: the release, and the commit where there is one.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD
  OUTPUT_VARIABLE LEAM_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT LEAM_COMMIT)
  set(LEAM_COMMIT "unknown")
endif()
configure_file(${CMAKE_SOURCE_DIR}/src/base/core/version_values.h.in
  ${CMAKE_BINARY_DIR}/generated/version_values.h)
# For the one file that reads it: an include path of the build folder would keep a compiler cache from
# serving several build folders.
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/base/core/version.cc PROPERTIES
  INCLUDE_DIRECTORIES ${CMAKE_BINARY_DIR}/generated)
