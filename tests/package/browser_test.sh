#!/usr/bin/env bash
# The example of a page watches jobs in a real browser, by gRPC-Web through Envoy.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v envoy >/dev/null || skip "there is no envoy (of tests/package/tools.txt)"
command -v chromium >/dev/null || skip "there is no chromium (Debian's package chromium)"
command -v npm >/dev/null || skip "there is no npm, for the page's libraries"
node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' || skip "there is no node of at least 20"

# install FOLDER NAME: what its package-lock.json says, into build/browser/NAME; once.
install() {
  local folder=$1 dir=$SOURCE_DIR/build/browser/$2
  cmp -s "$folder/package-lock.json" "$dir/installed.json" && return
  rm -rf "$dir"
  mkdir -p "$dir"
  cp "$folder"/package*.json "$dir"
  (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund) >"$scratch/npm.log" 2>&1 ||
    skip "npm cannot get the page's libraries: $(grep -m 3 '^npm error' "$scratch/npm.log" | paste -sd ' ')"
  cp "$dir/package-lock.json" "$dir/installed.json"
}
example=$SOURCE_DIR/cmake/package/examples/browser
install "$example" page
install "$SOURCE_DIR/tests/package/browser" test

say "the page, by the commands that its head tells"
page=$scratch/cmake/package/examples/browser # as far from proto/ as in the source tree
mkdir -p "$page"
ln -s "$SOURCE_DIR/proto" "$scratch/proto"
cp "$example"/{index.html,watch.js,package.json} "$page"
ln -s "$SOURCE_DIR/build/browser/page/node_modules" "$page/node_modules"
(cd "$page" && npm run generate) >"$scratch/log" 2>&1 || fail "npm run generate: $(cat "$scratch/log")"
python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$page" >"$scratch/pages" 2>"$scratch/pages.log" &
children+=($!)
await_file pages $!
pages=localhost:$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$scratch/pages")

install_programs
start comfyui "$FAKE_COMFYUI" --version v0.3.64 --port 0
start server "$scratch/bin/jobstatus-server" --listen 127.0.0.1:0 --state-dir none --backend "gpu1=$(address comfyui)" \
  --metrics-listen 127.0.0.1:0 --metrics-address-file "$scratch/metrics"
start_envoy "http://$pages" server
envoy=http://$envoy_listener
# One that ends each watch after a second.
start restless "$scratch/bin/jobstatus-server" --listen 127.0.0.1:0 --state-dir none --backend "gpu1=$(address comfyui)" \
  --max-connection-age 1s
start_envoy "http://$pages" restless

cp "$SOURCE_DIR/tests/package/browser/page_test.js" "$SOURCE_DIR/build/browser/test"
PAGES=http://$pages ENVOY=$envoy RESTLESS_ENVOY=http://$envoy_listener COMFYUI=$(address comfyui) \
  METRICS=http://$(cat "$scratch/metrics")/metrics CHROMIUM=$(command -v chromium) \
  node --test --test-reporter=spec "$SOURCE_DIR/build/browser/test/page_test.js"
