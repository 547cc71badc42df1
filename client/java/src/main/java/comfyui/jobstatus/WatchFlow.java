package comfyui.jobstatus;

import comfyui.jobstatus.v1.JobStatus;
import comfyui.jobstatus.v1.WatchStatusRequest;
import comfyui.jobstatus.v1.WatchStatusResponse;
import io.grpc.Status.Code;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * One watch, over any number of attempts: what it does next. Pure decisions, without gRPC's calls,
 * threads or clocks: the caller reports what happened and does what it is told. Times are counted
 * from the start of the watch.
 */
final class WatchFlow {
  /**
   * After a restart the service needs a moment to learn again of jobs it had been telling about.
   */
  private static final Duration PATIENCE_AFTER_OUTAGE = Duration.ofSeconds(5);

  private final WatchOptions options;
  private final Backoff backoff;
  private final Set<String> ended = new HashSet<>(); // named jobs whose newest status is terminal
  private boolean heard; // any message in any attempt
  private boolean attachedBefore;
  private long revision;
  private JobStatus lastStatus;

  WatchFlow(WatchOptions options, Backoff backoff) {
    this.options = options;
    this.backoff = backoff;
    this.revision = options.afterRevision();
  }

  /** Everything up to it has been received. */
  long revision() {
    return revision;
  }

  Optional<JobStatus> lastStatus() {
    return Optional.ofNullable(lastStatus);
  }

  /** An attempt begins: what to ask the service for. */
  WatchStatusRequest attach(Duration now) {
    WatchStatusRequest.Builder request =
        WatchStatusRequest.newBuilder().setBackend(options.backend()).setAfterRevision(revision);
    // A restarted service may have forgotten a job that has ended; naming it again would end the
    // watch of the others.
    options.jobIds().stream().filter(id -> !ended.contains(id)).forEach(request::addJobIds);
    if (!options.minInterval().isZero()) {
      request.setMinInterval(Times.toProto(options.minInterval()));
    }
    Duration patience = options.waitForJob();
    if (attachedBefore) {
      patience = Backoff.longer(patience.minus(now), PATIENCE_AFTER_OUTAGE);
    }
    if (!patience.isZero() && !options.jobIds().isEmpty()) {
      request.setWaitForJob(Times.toProto(patience));
    }
    attachedBefore = true;
    return request.build();
  }

  /** Until the watch must be over. Empty: no limit. */
  Optional<Duration> timeLeft(Duration now) {
    return options.timeout().map(limit -> Backoff.longer(limit.minus(now), Duration.ZERO));
  }

  void onMessage(WatchStatusResponse message) {
    if (Long.compareUnsigned(message.getRevision(), revision) > 0) {
      revision = message.getRevision();
    }
    if (message.hasStatus()) {
      lastStatus = message.getStatus();
      if (!options.jobIds().isEmpty()) {
        if (JobStates.isTerminal(lastStatus.getState())) {
          ended.add(lastStatus.getJobId());
        } else {
          ended.remove(lastStatus.getJobId()); // a lost job may be seen again
        }
      }
    }
    heard = true;
    backoff.reset();
  }

  /**
   * The stream ended; without {@code error}: with OK. Returns how long to wait before attaching
   * again; empty: the watch is over.
   *
   * @throws JobStatusException the watch is over, and ended badly
   */
  Optional<Duration> onEnd(Optional<JobStatusException> error, Duration now) {
    if (error.isEmpty() || (!options.jobIds().isEmpty() && ended.containsAll(options.jobIds()))) {
      return Optional.empty();
    }
    checkTime(now);
    JobStatusException why = error.get();
    if (!tryingAgainHelps(why) || (options.failFast() && !heard)) {
      throw why.withLastStatus(lastStatus);
    }
    Duration wait = backoff.next(why.retryAfter());
    return Optional.of(timeLeft(now).map(left -> Backoff.shorter(wait, left)).orElse(wait));
  }

  private void checkTime(Duration now) {
    if (timeLeft(now).filter(Duration::isZero).isPresent()) {
      throw new JobStatusException.DeadlineExceeded("not finished within the time given")
          .withLastStatus(lastStatus);
    }
  }

  private static boolean tryingAgainHelps(JobStatusException error) {
    return switch (error.code()) {
      case UNAVAILABLE -> true;
      // Without details: this reader was stopped for a while (WRITE_STALLED), and is back. Details
      // would have had to pass
      // the write that was stuck.
      case RESOURCE_EXHAUSTED ->
          error.retryAfter().isPresent()
              || error.reason().equals("WRITE_STALLED")
              || error.reason().isEmpty();
      default -> isBrokenStream(error);
    };
  }

  /**
   * gRPC has no code of its own for a stream that broke under way: it makes up these, without
   * details. CANCELLED that we did not ask for comes from a server that was shutting down when the
   * call reached it.
   */
  private static boolean isBrokenStream(JobStatusException error) {
    if (!error.reason().isEmpty()) {
      return false;
    }
    return error.code() == Code.CANCELLED
        || ((error.code() == Code.UNKNOWN || error.code() == Code.INTERNAL)
            && Stream.of(
                    "RST_STREAM", "GOAWAY", "channel closed", "http2 exception", "end-of-stream")
                .anyMatch(error.getMessage()::contains));
  }
}
