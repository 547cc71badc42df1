// The server's gRPC face, on a board of as many jobs as are asked for, which wait at a ComfyUI that there is not: for
// numbers of jobs that a fake one would take too long to tell of.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include "bench/filled_server.h"
#include "bench/server_options.h"
#include "board/board.h"
#include "fakes/address_file.h"
#include "jobs/observation.h"
#include "rpc/server.h"

namespace {

void Fill(board::Board& board, int jobs) {
  jobs::QueueObserved queue;
  for (int job = 0; job < jobs; ++job)
    queue.listing.pending.push_back({bench::FilledJob(job), {static_cast<double>(job)}, {}});
  board.Observe("gpu", std::move(queue), std::chrono::floor<jobs::Duration>(std::chrono::system_clock::now()));
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = bench::ReadServerOptions("Serves the statuses of jobs that wait and never run", argc, argv);

  board::Board board({{.name = "gpu", .url = "http://comfyui.invalid"}}, {}, 0);
  Fill(board, options.jobs);
  const auto server = rpc::Server::Start(board, {.listen = "127.0.0.1:0"});
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().c_str());
    return 1;
  }
  fakes::WriteAddress(options.address_file, (*server)->address());
  sigset_t none;
  sigemptyset(&none);
  sigsuspend(&none);  // until it is killed
}
