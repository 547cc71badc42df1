#!/usr/bin/env bash
# Tests the Java client; tests/conformance/README.md says what each of its commands does.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$repo"
build=$repo/build/java
client=client/java conformance=tests/conformance/java

maven() { mvn -B -ntp -Dstyle.color=never "-Dmaven.repo.local=$build/m2" "$@"; }

needs() {
  local version
  # "javac 17.0.15": of a JDK, where a JRE has none.
  version=$("${JAVA_HOME:+$JAVA_HOME/bin/}javac" -version 2>&1) && [[ $version =~ ^javac\ ([0-9]+) ]] || version=
  if [[ -z $version ]] || ((BASH_REMATCH[1] < 17)); then
    echo "JDK of at least 17"
    return 1
  elif ! mvn -v >/dev/null 2>&1; then
    echo "mvn (Maven)"
    return 1
  fi
}

# Goes through all that a build does, elsewhere, and compiles and tests nothing: what is wrong with the sources is not for this
# to say. The client it installs is empty, until `run` installs another.
fetch() {
  local log=$build/fetched.log nothing=("-Doutput=$build/fetch" -Dmaven.main.skip -Dmaven.test.skip)
  mkdir -p "$build"
  {
    maven -f "$client" -Pcheck "${nothing[@]}" install && maven -f "$conformance" "${nothing[@]}" package
  } >"$log" 2>&1 || {
    cat "$log" >&2
    grep -m 1 '^\[ERROR\]' "$log" >&2 || true
    return 1
  }
}

quietly() {
  local log=$build/$1.log
  shift
  "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    return 1
  }
}

check_format() {
  local classpath part exports=() files
  classpath=$(find "$build/m2/com/google" -name 'google-java-format-*.jar' -o -name 'guava-[0-9]*.jar' -o -name 'failureaccess-*.jar' | paste -sd:)
  for part in api code comp file main parser processing tree util; do
    exports+=("--add-exports=jdk.compiler/com.sun.tools.javac.$part=ALL-UNNAMED")
  done
  mapfile -t files < <(find "$client" "$conformance" -name '*.java')
  echo "Not as google-java-format writes it:"
  "${JAVA_HOME:+$JAVA_HOME/bin/}java" "${exports[@]}" -cp "$classpath" com.google.googlejavaformat.java.Main \
    --dry-run --set-exit-if-changed "${files[@]}"
}

run() {
  local passed
  : "${JOBSTATUS_SERVER:?}" "${FAKE_COMFYUI:?}"
  rm -rf "$build/client" "$build/conformance"
  quietly format check_format
  quietly client maven -o -f "$client" -Pcheck install
  quietly runner maven -o -f "$conformance" package
  passed=$(grep -ho '<testcase ' "$build"/client/surefire-reports/*.xml | wc -l)
  if grep -l '<skipped' "$build"/client/surefire-reports/*.xml >&2; then
    echo "java: tests were skipped" >&2
    return 1
  fi
  echo "java: $passed tests passed"
}

runner() {
  # Of many short runs, each in a JVM of its own.
  echo "${JAVA_HOME:+$JAVA_HOME/bin/}java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -jar $build/conformance/runner.jar"
}

"$@"
