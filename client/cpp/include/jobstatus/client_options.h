// How a Client reaches the service.
#pragma once

#include <chrono>
#include <string>

#include "jobstatus/backoff.h"

namespace jobstatus {

struct ClientOptions {
  // "host", "host:port", "[::1]:port", "unix:/path", or any target name of gRPC. Without a port: 50051.
  std::string target = "localhost:50051";

  // Encrypts the connection and checks who is at the other end.
  bool tls = false;
  // PEM file of the authorities to trust instead of the system's. Used with tls only, as are the next two.
  std::string ca_file;
  // PEM files of the client's own certificate and its key, for a service that asks for one (mutual TLS). Both or
  // neither.
  std::string cert_file;
  std::string key_file;

  // Sent with each call as `authorization: Bearer <token>`; empty: nothing is sent. Printable ASCII. Without tls
  // everybody on the way can read it.
  std::string token;

  // Limit of each single call; a watch has none but its own timeout.
  std::chrono::milliseconds call_timeout{10'000};

  // A watch that has heard nothing for this long takes the connection for dead and attaches again. The service breaks
  // silence every 15 s or so.
  std::chrono::milliseconds silence_limit{45'000};

  // Waits between the attempts of a watch to attach again.
  BackoffSettings backoff;
};

}  // namespace jobstatus
