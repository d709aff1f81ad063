# What every target shares: warnings, hardening, sanitizers, and the helpers that make one library a folder.
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(EXPAT REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(SQLite3 REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(IDN2 REQUIRED IMPORTED_TARGET libidn2)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(LLD ld.lld)
if(LLD)
  add_link_options(-fuse-ld=lld)
endif()

set(ROOKERY_SANITIZE "" CACHE STRING "Sanitizers, comma separated (address,undefined or thread)")
option(ROOKERY_FUZZ "Build the fuzz targets (clang only)" OFF)

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow -Werror
                    -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside its own library at -O2 and -O1 with sanitizers.
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict -Wno-dangling-pointer -Wno-stringop-overflow
                      -Wno-array-bounds -fstack-clash-protection -fcf-protection)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -UNDEBUG)  # asserts stay on
endif()
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_link_options(-Wl,-z,relro,-z,now)
if(ROOKERY_SANITIZE)
  add_compile_options(-fsanitize=${ROOKERY_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ROOKERY_SANITIZE})
  if(ROOKERY_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
    if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
      add_compile_options(-fno-sanitize=function)  # clang 14 cannot assemble it for coroutines
    endif()
  endif()
endif()
if(ROOKERY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# rookery_library(NAME LINK targets...): all sources below the folder NAME; a folder of headers only is an interface.
function(rookery_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARG_LINK})
  endif()
endfunction()

function(rookery_program name source)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  if(EXISTS ${CMAKE_SOURCE_DIR}/${source})
    add_executable(${name} ${CMAKE_SOURCE_DIR}/${source})
    target_link_libraries(${name} PRIVATE ${ARG_LINK})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  endif()
endfunction()

# rookery_module_table(modules): modules/x.cpp declares x_module; this makes all_modules() of them.
function(rookery_module_table library)
  get_target_property(kind ${library} TYPE)
  if(kind STREQUAL "INTERFACE_LIBRARY")
    return()
  endif()
  file(GLOB sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/modules ${CMAKE_SOURCE_DIR}/modules/*.cpp)
  list(SORT sources)
  set(declarations "")
  set(entries "")
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    string(APPEND declarations "extern const ModuleSpec ${name}_module;\n")
    string(APPEND entries "        &${name}_module,\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/module_table.cpp @ONLY CONTENT [[
// Made by tools/cmake/Rookery.cmake of the files in modules/.
#include <algorithm>

#include "core/module_spec.h"

namespace rookery {

@declarations@
const std::vector<const ModuleSpec*>& all_modules() {
    static const std::vector<const ModuleSpec*> modules = {
@entries@    };
    return modules;
}

const ModuleSpec* find_module(std::string_view name) {
    for (const ModuleSpec* spec : all_modules())
        if (spec->name == name || std::ranges::find(spec->aliases, name) != spec->aliases.end()) return spec;
    return nullptr;
}

}  // namespace rookery
]])
  target_sources(${library} PRIVATE ${CMAKE_BINARY_DIR}/generated/module_table.cpp)
endfunction()
