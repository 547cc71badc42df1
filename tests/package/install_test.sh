#!/usr/bin/env bash
# Installs into a scratch prefix, and builds and runs README's example against that, by CMake and by pkg-config.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

prefix=$scratch/prefix
quietly() {
  "$@" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    fail "$*"
  }
}

# README's example, as it stands there, but for the port.
readme_example() {
  # shellcheck disable=SC2016 # these are backticks of Markdown
  sed -n '/^```cpp$/,/^```$/{/^```/!p}' "$SOURCE_DIR/README.md" | sed "s/localhost:50051/$(address server)/"
}

expect_output_of_the_job() {
  local said
  said=$(timeout 20 "$1" "$2") || fail "$1 $2 ended with $?: $said"
  expect_contains "$said" "/view?filename=$2"
}

say "cmake --install"
quietly cmake --install "$BUILD_DIR" --prefix "$prefix"
for file in bin/jobstatus bin/jobstatus-server include/jobstatus/client.h \
  include/comfyui/jobstatus/v1/job_status.pb.h share/jobstatus/proto/comfyui/jobstatus/v1/job_status.proto; do
  [[ -f $prefix/$file ]] || fail "$file was not installed"
done
if grep -rnF -e "$SOURCE_DIR" -e "$BUILD_DIR" --binary-files=without-match "$prefix"; then
  fail "what is installed names the source or build tree, above"
fi

start comfyui "$FAKE_COMFYUI" --version v0.3.64 --port 0
start server "$prefix/bin/jobstatus-server" --backend "$(address comfyui)" --listen 127.0.0.1:0 --state-dir none

# Elsewhere than where it was installed: nothing may depend on the place.
mv "$prefix" "$scratch/moved"
prefix=$scratch/moved
mkdir "$scratch/program"
readme_example >"$scratch/program/main.cc"
grep -q 'Client::Create' "$scratch/program/main.cc" || fail "README.md has no example any more"

say "by CMake"
cat >"$scratch/program/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(program LANGUAGES CXX)
find_package(jobstatus 0.1 CONFIG REQUIRED)
add_executable(program main.cc)
target_link_libraries(program PRIVATE jobstatus::client)
END
quietly cmake -S "$scratch/program" -B "$scratch/by_cmake" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
quietly cmake --build "$scratch/by_cmake"
submit by-cmake
expect_output_of_the_job "$scratch/by_cmake/program" by-cmake

say "by pkg-config"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name jobstatus.pc)")
export PKG_CONFIG_PATH
read -ra flags < <(pkg-config --cflags --libs jobstatus)
quietly "${CXX:-c++}" -std=c++23 -o "$scratch/by_pkg_config" "$scratch/program/main.cc" "${flags[@]}"
submit by-pkg-config
expect_output_of_the_job "$scratch/by_pkg_config" by-pkg-config

# Without the server. What was built is the same in both, so it is lent, not built again.
say "JOBSTATUS_BUILD_SERVER=OFF"
other=$scratch/no_server
quietly cmake -S "$SOURCE_DIR" -B "$other" -G Ninja -DCMAKE_BUILD_TYPE=Release -DJOBSTATUS_BUILD_SERVER=OFF \
  -DJOBSTATUS_BUILD_TESTS=OFF
cp -r "$BUILD_DIR"/proto/{comfyui,google,libjobstatus_proto.a} "$other/proto/"
cp "$BUILD_DIR/client/cpp/libjobstatus_client.a" "$other/client/cpp/"
cp "$BUILD_DIR/client/cli/jobstatus" "$other/client/cli/"
[[ ! -d $BUILD_DIR/package/docs ]] || cp -r "$BUILD_DIR/package/docs" "$other/package/"
quietly cmake --install "$other" --prefix "$scratch/client_only"
[[ $("$scratch/client_only/bin/jobstatus" --version) == jobstatus\ * ]] || fail "no jobstatus without the server"
[[ ! -e $scratch/client_only/bin/jobstatus-server ]] || fail "a server in a build without it"
quietly cmake -S "$scratch/program" -B "$scratch/by_cmake_too" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/client_only"
say "done"
