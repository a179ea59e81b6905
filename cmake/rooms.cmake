# A room is a folder src/<group>/<room> with a deps.txt: one dependency a line, either another room
# (`base/core`) or an outside library (`@zstd`, see libs.cmake); `#` starts a comment.
#
# The room becomes the library leam_<group>_<room> from all *.cc in it and below it. By suffix:
#   x_test.cc   one test program <group>_<room>_test a room, label <room>
#   x_case.cc   operator cases: part of the test program of engine/tensor
#   x_bench.cc  one program <group>_<room>_bench a room
#   x_fuzz.cc   one fuzz target each (preset `fuzz`, clang)
# src/cli is the program itself.

function(leam_room dir)
  file(RELATIVE_PATH room ${CMAKE_SOURCE_DIR}/src ${dir})
  string(REPLACE "/" "_" target leam_${room})
  string(REPLACE "/" "_" name ${room})
  get_filename_component(label ${dir} NAME)

  file(STRINGS ${dir}/deps.txt lines)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${dir}/deps.txt)
  set(links "")
  foreach(line ${lines})
    string(REGEX REPLACE "#.*" "" line "${line}")
    string(STRIP "${line}" line)
    if(line MATCHES "^@(.+)$")
      list(APPEND links leam_lib_${CMAKE_MATCH_1})
    elseif(line)
      string(REPLACE "/" "_" dep leam_${line})
      list(APPEND links ${dep})
    endif()
  endforeach()

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cc)
  set(tests ${sources})
  set(benches ${sources})
  set(cases ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER cases INCLUDE REGEX "_case\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|case|bench|fuzz)\\.cc$")

  if(room STREQUAL "cli")
    add_executable(leam ${sources})
    set(target leam)
  else()
    add_library(${target} STATIC ${sources})
  endif()
  target_link_libraries(${target} PUBLIC leam_flags ${links})

  if(room STREQUAL "cli")
    return()
  endif()
  if(LEAM_TESTS AND (tests OR cases))
    add_executable(${name}_test ${tests} ${cases})
    target_link_libraries(${name}_test PRIVATE ${target} leam_lib_gtest leam_lib_threads)
    add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES LABELS ${label})
  endif()
  if(LEAM_BENCHES AND benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE ${target})
  endif()
endfunction()

function(leam_rooms src)
  file(GLOB_RECURSE deps CONFIGURE_DEPENDS ${src}/deps.txt)
  foreach(file ${deps})
    get_filename_component(dir ${file} DIRECTORY)
    leam_room(${dir})
  endforeach()
endfunction()
