# One static library a folder:
#
#   posthorn_library(courier SOURCES courier.cpp LINK posthorn_messages)
#
# makes posthorn_courier. PCH names headers to precompile.
function(posthorn_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;PCH" ${ARGN})
  add_library(posthorn_${name} STATIC ${arg_SOURCES})
  target_link_libraries(posthorn_${name} PUBLIC posthorn_flags ${arg_LINK})
  if(arg_PCH)
    target_precompile_headers(posthorn_${name} PRIVATE ${arg_PCH})
  endif()
endfunction()

# One doctest program a subject, run by ctest under the label of its folder:
#
#   posthorn_test(unit courier SOURCES courier_test.cpp LINK posthorn_courier)
function(posthorn_test label name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${label}_${name} ${arg_SOURCES})
  target_link_libraries(${label}_${name} PRIVATE posthorn_doctest ${arg_LINK})
  target_precompile_headers(${label}_${name} REUSE_FROM posthorn_doctest)
  add_test(NAME ${label}.${name} COMMAND ${label}_${name})
  set_tests_properties(${label}.${name} PROPERTIES LABELS ${label} TIMEOUT 300)
endfunction()
