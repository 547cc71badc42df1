package comfyui.jobstatus;

import comfyui.jobstatus.v1.Backend;
import comfyui.jobstatus.v1.GetStatusRequest;
import comfyui.jobstatus.v1.GetStatusResponse;
import comfyui.jobstatus.v1.JobStatus;
import comfyui.jobstatus.v1.JobStatusServiceGrpc;
import comfyui.jobstatus.v1.ListBackendsRequest;
import comfyui.jobstatus.v1.ListBackendsResponse;
import comfyui.jobstatus.v1.ListStatusesRequest;
import comfyui.jobstatus.v1.ListStatusesResponse;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * One connection to one service. Thread-safe. Every call throws {@link JobStatusException} and its
 * kinds; when the thread is interrupted, {@link JobStatusException.Cancelled}.
 *
 * <pre>{@code
 * try (var client = JobStatusClient.create("gpu-box:50051");
 *     var watch = client.watch(promptId)) {
 *   for (var status : watch) {
 *     System.out.println(status.getMessage());
 *   }
 * }
 * }</pre>
 */
public final class JobStatusClient implements AutoCloseable {
  private final Connection connection;

  JobStatusClient(Connection connection) {
    this.connection = connection;
  }

  /**
   * A client of the service at this address, in plain text; {@link ClientOptions.Builder#target}
   * says what may be given.
   */
  public static JobStatusClient create(String target) {
    return create(ClientOptions.builder().target(target).build());
  }

  /**
   * Sends nothing yet: the connection is made by the first call.
   *
   * @throws IllegalArgumentException an option makes no sense
   * @throws java.io.UncheckedIOException a file of the options cannot be read
   */
  public static JobStatusClient create(ClientOptions options) {
    return new JobStatusClient(new Connection(options, Connection.serviceConfig()));
  }

  /** The newest known status of one job. */
  public JobStatus getStatus(String jobId) {
    return getStatus(GetStatusRequest.newBuilder().setJobId(jobId).build());
  }

  /** The newest known status of one job. */
  public JobStatus getStatus(GetStatusRequest request) {
    return Waiting.await(getStatusAsync(request));
  }

  /** {@link #getStatus}, without waiting. Cancelling the future cancels the call. */
  public CompletableFuture<JobStatus> getStatusAsync(GetStatusRequest request) {
    return connection.call(
        JobStatusServiceGrpc.getGetStatusMethod(), request, GetStatusResponse::getStatus);
  }

  /**
   * The statuses the service remembers, newest change first, from the request's page on: all of
   * them. The first page is asked for at once, the others as they are needed.
   */
  public Stream<JobStatus> listStatuses(ListStatusesRequest request) {
    return Stream.iterate(page(request), Objects::nonNull, page -> pageAfter(request, page))
        .flatMap(page -> page.getStatusesList().stream());
  }

  private ListStatusesResponse page(ListStatusesRequest request) {
    return Waiting.await(
        connection.call(
            JobStatusServiceGrpc.getListStatusesMethod(), request, Function.identity()));
  }

  /** Null: that was the last. */
  private ListStatusesResponse pageAfter(ListStatusesRequest request, ListStatusesResponse page) {
    String token = page.getNextPageToken();
    return token.isEmpty() ? null : page(request.toBuilder().setPageToken(token).build());
  }

  /** The ComfyUI servers the service watches. */
  public List<Backend> listBackends() {
    return Waiting.await(
        connection.call(
            JobStatusServiceGrpc.getListBackendsMethod(),
            ListBackendsRequest.getDefaultInstance(),
            ListBackendsResponse::getBackendsList));
  }

  /** Follows jobs until they end; without ids, all jobs until the caller leaves. */
  public Watch watch(String... jobIds) {
    return watch(WatchOptions.builder().jobIds(jobIds).build());
  }

  /** Follows jobs until they end; without ids, all jobs until the caller leaves. */
  public Watch watch(WatchOptions options) {
    return new Watch(connection.follow(options));
  }

  /**
   * The status a job ends with. Survives the service going down meanwhile.
   *
   * @param timeout limit of it all
   * @throws JobStatusException.DeadlineExceeded the time is over; its {@code lastStatus} says how
   *     far the job was
   */
  public JobStatus waitForCompletion(String jobId, Duration timeout) {
    return waitForCompletion(WatchOptions.builder().jobIds(jobId).timeout(timeout).build());
  }

  /**
   * The status the job ends with that the options name; they name exactly one. Survives the service
   * going down meanwhile.
   */
  public JobStatus waitForCompletion(WatchOptions options) {
    RunningWatch running = followOne(options);
    return Waiting.await(running.completion(), running::interrupted);
  }

  /**
   * {@link #waitForCompletion}, without waiting and without a thread. Cancelling the future ends
   * the watch.
   */
  public CompletableFuture<JobStatus> waitForCompletionAsync(WatchOptions options) {
    return followOne(options).completion();
  }

  private RunningWatch followOne(WatchOptions options) {
    if (options.jobIds().size() != 1) {
      throw new IllegalArgumentException("a wait is for exactly one job");
    }
    return connection.follow(options);
  }

  /**
   * Ends the connection and all its calls; watches end with {@link JobStatusException.Cancelled}.
   */
  @Override
  public void close() {
    connection.close();
  }
}
