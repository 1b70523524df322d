# Builds the fuzz targets with clang beside everything else, and has each of
# them try some ten thousand inputs whenever the tests run.
include(ExternalProject)
find_program(FUZZ_CXX NAMES clang++-14 REQUIRED
             DOC "A clang with libFuzzer, for the fuzz targets")

set(fuzz_source "${CMAKE_CURRENT_LIST_DIR}")
set(fuzz_binary "${CMAKE_BINARY_DIR}/fuzz")
string(REPLACE ";" "|" fuzz_launcher "${CMAKE_CXX_COMPILER_LAUNCHER}")
ExternalProject_Add(
  posthorn_fuzz
  SOURCE_DIR "${fuzz_source}"
  BINARY_DIR "${fuzz_binary}"
  PREFIX "${fuzz_binary}/project"
  LIST_SEPARATOR "|"
  CMAKE_ARGS "-DCMAKE_CXX_COMPILER=${FUZZ_CXX}"
             "-DCMAKE_CXX_COMPILER_LAUNCHER=${fuzz_launcher}"
             -DCMAKE_BUILD_TYPE=None
  BUILD_COMMAND "${CMAKE_COMMAND}" --build <BINARY_DIR> --parallel 2
  BUILD_ALWAYS ON
  INSTALL_COMMAND "")

foreach(target http slicer registration matcher record)
  add_test(NAME fuzz.${target}
           COMMAND "${fuzz_source}/run.sh" "${fuzz_binary}" short ${target})
  set_tests_properties(fuzz.${target} PROPERTIES LABELS fuzz TIMEOUT 300)
endforeach()
