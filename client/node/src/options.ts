// How a client reaches the service.

import { readFileSync } from "node:fs";

import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from "@grpc/grpc-js";

import { type BackoffSettings, completeBackoff } from "./backoff.js";
import { InvalidArgumentError } from "./errors.js";
import { serviceConfig } from "./gen/service_config.js";

const SCHEMES = ["unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:", "xds:"];
const DEFAULT_PORT = 50051;

/** What a Client is made from. */
export interface ClientOptions {
  /** Encrypts the connection and checks who is at the other end. Implied by the next three. */
  readonly tls?: boolean | undefined;
  /** PEM file of the authorities to trust instead of those Node.js does. */
  readonly caFile?: string | undefined;
  /** PEM file of the client's own certificate, for a service that asks for one. Needs `keyFile`. */
  readonly certFile?: string | undefined;
  /** PEM file of that certificate's key. */
  readonly keyFile?: string | undefined;
  /** Sent with each call as `authorization: Bearer TOKEN`. Without TLS everybody on the way can read it. */
  readonly token?: string | undefined;
  /** More that is sent with each call. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Waits between the attempts of a watch to attach again. */
  readonly backoff?: BackoffSettings | undefined;
  /**
   * A watch that has heard nothing for so many milliseconds takes the connection for dead and attaches again; 45,000 unless
   * given. The service breaks silence every 15 s or so.
   */
  readonly silenceLimitMs?: number | undefined;
}

/** Adds the port when there is none; gRPC would take 443. */
export function completeTarget(target: string): string {
  if (!target) throw new InvalidArgumentError("the address of the service is empty", { code: "INVALID_ARGUMENT" });
  if (target.includes("://") || SCHEMES.some((scheme) => target.startsWith(scheme))) return target;
  if (target.startsWith("[")) return target.endsWith("]") ? `${target}:${DEFAULT_PORT}` : target;
  const colons = target.split(":").length - 1;
  if (colons === 1) return target;
  return colons ? `[${target}]:${DEFAULT_PORT}` : `${target}:${DEFAULT_PORT}`;
}

/** Plain text, unless the options ask for TLS. Throws when a file cannot be read, or is none of PEM. */
export function channelCredentials({ tls, caFile, certFile, keyFile }: ClientOptions): ChannelCredentials {
  if (Boolean(certFile) !== Boolean(keyFile)) {
    throw new TypeError("a certificate needs its key, and a key its certificate");
  }
  if (!tls && !caFile && !certFile) return credentials.createInsecure();
  const read = (file: string | undefined) => (file ? readFileSync(file) : null);
  return credentials.createSsl(read(caFile), read(keyFile), read(certFile));
}

/** What is sent with each call. */
export function callMetadata({ token, metadata = {} }: ClientOptions): Metadata {
  const sent = new Metadata();
  if (token) {
    // gRPC would refuse it, too, and show it in doing so.
    if (!/^[ -~]+$/.test(token)) throw new TypeError("the token has characters other than printable ASCII");
    sent.add("authorization", `Bearer ${token}`);
  }
  for (const [name, value] of Object.entries(metadata)) sent.add(name, value);
  return sent;
}

/** gRPC's options of the channel. */
export function channelOptions({ backoff = {} }: ClientOptions, config: string = serviceConfig): ChannelOptions {
  const { initialMs, maxMs } = completeBackoff(backoff);
  return {
    "grpc.primary_user_agent": "comfyui-jobstatus-node",
    "grpc.service_config": config,
    "grpc.service_config_disable_resolution": 1, // else DNS may give another
    "grpc.max_receive_message_length": 16 * 1024 * 1024,
    // A watch is quiet for long; pings find out that the other end is gone. None without calls: servers count those as abuse.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 0,
    // The channel waits by itself between connection attempts, by default up to two minutes; attempts of ours would fail
    // without asking the network in that time.
    "grpc.initial_reconnect_backoff_ms": initialMs,
    "grpc.max_reconnect_backoff_ms": maxMs,
  };
}
