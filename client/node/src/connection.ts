// Calls over one channel, for the messages of protobuf-es.

import {
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client as Channel, type CallOptions as GrpcCallOptions, type ClientReadableStream } from "@grpc/grpc-js";

import { CancelledError, fromServiceError, isServiceError } from "./errors.js";
import { callMetadata, channelCredentials, channelOptions, type ClientOptions, completeTarget } from "./options.js";

/** Of one call that has one answer. */
export interface CallOptions {
  /** Limit of the call in milliseconds. Without it, 15 s. */
  readonly timeoutMs?: number | undefined;
  /** Ends the call with CancelledError. */
  readonly signal?: AbortSignal | undefined;
}

/** What gRPC has to know of a method. */
export function wireFormat<I extends DescMessage, O extends DescMessage>(method: { input: I; output: O }) {
  return {
    requestSerialize: (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes: Uint8Array) => fromBinary(method.input, bytes),
    responseSerialize: (message: MessageShape<O>) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes: Uint8Array) => fromBinary(method.output, bytes),
  };
}

export function pathOf(method: { name: string; parent: { typeName: string } }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** `timeoutMs` Infinity: none but that of the service config. */
function grpcOptions(timeoutMs: number): GrpcCallOptions {
  return timeoutMs === Infinity ? {} : { deadline: Date.now() + timeoutMs };
}

export class Connection {
  readonly #channel: Channel;
  readonly #options: ClientOptions;
  readonly #running = new Set<{ cancel(): void }>();

  /** `config`: a service config other than that of the package. */
  constructor(target: string, options: ClientOptions, config?: string) {
    callMetadata(options); // throws now if it cannot be sent
    this.#channel = new Channel(completeTarget(target), channelCredentials(options), channelOptions(options, config));
    this.#options = options;
  }

  /** Makes a call, and throws JobStatusError when it fails. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    { timeoutMs = Infinity, signal }: CallOptions,
  ): Promise<MessageShape<O>> {
    const cancelled = () => new CancelledError("the call was cancelled", { cause: signal?.reason });
    if (signal?.aborted) throw cancelled();
    try {
      return await this.#unary(method, request, timeoutMs, signal);
    } catch (error) {
      if (signal?.aborted) throw cancelled();
      throw isServiceError(error) ? fromServiceError(error) : error;
    }
  }

  #unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      const { requestSerialize, responseDeserialize } = wireFormat(method);
      const call = this.#channel.makeUnaryRequest(
        pathOf(method),
        requestSerialize,
        responseDeserialize,
        request,
        callMetadata(this.#options),
        grpcOptions(timeoutMs),
        (error, response) => {
          leave();
          signal?.removeEventListener("abort", cancel);
          if (error) reject(error);
          else resolve(response as MessageShape<O>);
        },
      );
      const cancel = () => {
        call.cancel();
      };
      const leave = this.enter(call);
      signal?.addEventListener("abort", cancel);
    });
  }

  /** Begins a stream. Whoever has it has to cancel it; how it ended is told to those who read it. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageShape<I>,
    timeoutMs: number,
  ): ClientReadableStream<MessageShape<O>> {
    const { requestSerialize, responseDeserialize } = wireFormat(method);
    const call = this.#channel.makeServerStreamRequest(
      pathOf(method),
      requestSerialize,
      responseDeserialize,
      request,
      callMetadata(this.#options),
      grpcOptions(timeoutMs),
    );
    call.on("error", () => {}); // a stream that nobody reads any more ends with an error, too, which would end the program
    return call;
  }

  /** What runs until the function returned is called is cancelled when the connection is closed before. */
  enter(running: { cancel(): void }): () => void {
    this.#running.add(running);
    return () => this.#running.delete(running);
  }

  close(): void {
    for (const running of this.#running) running.cancel();
    this.#channel.close();
  }
}
