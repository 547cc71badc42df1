package comfyui.jobstatus;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import comfyui.jobstatus.v1.JobStatusServiceGrpc;
import comfyui.jobstatus.v1.WatchStatusRequest;
import comfyui.jobstatus.v1.WatchStatusResponse;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.ConnectivityState;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.ManagedChannelRegistry.ProviderNotFoundException;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;

/** The channel to one service, and the timer of its watches. */
final class Connection implements AutoCloseable {
  private static final int DEFAULT_PORT = 50051;

  private final ClientOptions options;
  private final ManagedChannel channel;
  private final Channel withMetadata;
  private final ScheduledThreadPoolExecutor timer;
  private final Set<RunningWatch> watches = ConcurrentHashMap.newKeySet();
  private volatile boolean closed;

  Connection(ClientOptions options, String serviceConfig) {
    this.options = options;
    channel = channel(options, serviceConfig);
    withMetadata =
        ClientInterceptors.intercept(
            channel, MetadataUtils.newAttachHeadersInterceptor(options.metadata()));
    timer =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "jobstatus-timer");
              thread.setDaemon(true);
              return thread;
            },
            new ThreadPoolExecutor.DiscardPolicy()); // closed, and so are the watches
    timer.setRemoveOnCancelPolicy(true);
  }

  private static ManagedChannel channel(ClientOptions options, String serviceConfig) {
    Map<String, Object> config =
        new Gson().fromJson(serviceConfig, new TypeToken<Map<String, Object>>() {});
    ManagedChannelBuilder<?> builder;
    try {
      builder = Grpc.newChannelBuilder(completeTarget(options.target()), credentials(options));
    } catch (ProviderNotFoundException e) { // it says so of certificates, too, that are none
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    return builder
        .defaultServiceConfig(config)
        .userAgent("comfyui-jobstatus-java")
        .maxInboundMessageSize(16 * 1024 * 1024)
        // A watch is quiet for long; pings find out that the other end is gone. None without calls:
        // servers count those as abuse.
        .keepAliveTime(30, TimeUnit.SECONDS)
        .keepAliveTimeout(10, TimeUnit.SECONDS)
        .keepAliveWithoutCalls(false)
        .build();
  }

  /** Adds the port when there is none; gRPC would take 443. */
  static String completeTarget(String target) {
    if (target.isEmpty()) {
      throw new IllegalArgumentException("the address of the service is empty");
    }
    if (target.contains("://") || Stream.of("unix:", "dns:", "xds:").anyMatch(target::startsWith)) {
      return target;
    }
    if (target.startsWith("[")) {
      return target.endsWith("]") ? target + ":" + DEFAULT_PORT : target;
    }
    long colons = target.chars().filter(letter -> letter == ':').count();
    if (colons == 1) {
      return target;
    }
    return (colons == 0 ? target : "[" + target + "]") + ":" + DEFAULT_PORT;
  }

  /** Limits and retries of each method, the same in every language; JSON. */
  static String serviceConfig() {
    try (InputStream file = Connection.class.getResourceAsStream("service_config.json")) {
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ChannelCredentials credentials(ClientOptions options) {
    if (!options.tls()) {
      return InsecureChannelCredentials.create();
    }
    TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
    try {
      if (options.caFile().isPresent()) {
        tls.trustManager(options.caFile().get().toFile());
      }
      if (options.certFile().isPresent()) {
        tls.keyManager(options.certFile().get().toFile(), options.keyFile().orElseThrow().toFile());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return tls.build();
  }

  /**
   * What is of interest in the answer to a call. Completing the future otherwise cancels the call.
   */
  <Q, A, R> CompletableFuture<R> call(
      MethodDescriptor<Q, A> method, Q request, Function<A, R> part) {
    CompletableFuture<R> result = new CompletableFuture<>();
    ClientCall<Q, A> call = withMetadata.newCall(method, limited(options.callTimeout()));
    result.whenComplete(
        (answer, thrown) -> {
          if (thrown != null) {
            call.cancel("nobody waits for the answer", null);
          }
        });
    ClientCalls.asyncUnaryCall(
        call,
        request,
        new StreamObserver<A>() {
          private A answer;

          @Override
          public void onNext(A answer) {
            this.answer = answer;
          }

          @Override
          public void onError(Throwable thrown) {
            result.completeExceptionally(
                JobStatusException.of(
                    Status.fromThrowable(thrown), Status.trailersFromThrowable(thrown)));
          }

          @Override
          public void onCompleted() {
            result.complete(part.apply(answer));
          }
        });
    return result;
  }

  /** A watch, which ends with this connection. */
  RunningWatch follow(WatchOptions options) {
    RunningWatch watch = new RunningWatch(this, options);
    watches.add(watch);
    if (closed) {
      watch.cancel(closing());
    }
    return watch;
  }

  void forget(RunningWatch watch) {
    watches.remove(watch);
  }

  /** An attempt of a watch. */
  ClientCall<WatchStatusRequest, WatchStatusResponse> watch(Optional<Duration> timeLeft) {
    // The channel waits by itself between connection attempts, up to two minutes, and calls fail
    // without asking the network
    // in that time. It is the watch that waits here.
    if (channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
      channel.enterIdle();
    }
    return withMetadata.newCall(JobStatusServiceGrpc.getWatchStatusMethod(), limited(timeLeft));
  }

  private static JobStatusException.Cancelled closing() {
    return new JobStatusException.Cancelled("the client was closed");
  }

  private static CallOptions limited(Optional<Duration> limit) {
    return limit
        .map(time -> CallOptions.DEFAULT.withDeadlineAfter(Times.nanos(time), TimeUnit.NANOSECONDS))
        .orElse(CallOptions.DEFAULT);
  }

  ScheduledExecutorService timer() {
    return timer;
  }

  Duration silenceLimit() {
    return options.silenceLimit();
  }

  Backoff backoff() {
    return new Backoff(options.backoff(), () -> ThreadLocalRandom.current().nextDouble());
  }

  @Override
  public void close() {
    closed = true;
    watches.forEach(watch -> watch.cancel(closing()));
    channel.shutdownNow();
    timer.shutdownNow();
  }
}
