package comfyui.jobstatus;

import comfyui.jobstatus.v1.JobStatus;
import comfyui.jobstatus.v1.WatchStatusRequest;
import comfyui.jobstatus.v1.WatchStatusResponse;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.SynchronizationContext;
import io.grpc.SynchronizationContext.ScheduledHandle;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A watch that does what its flow decides. It has no thread of its own: gRPC and a timer move it
 * on, one step at a time, and only while somebody waits for a status.
 */
final class RunningWatch {
  private static final System.Logger LOG = System.getLogger("comfyui.jobstatus");

  // One step at a time. What one throws, the flow's verdict or a caller's onRetry, ends the watch.
  private final SynchronizationContext steps =
      new SynchronizationContext((thread, thrown) -> end(thrown));
  private final Connection connection;
  private final WatchOptions options;
  private final long started = System.nanoTime();
  private volatile long revision;

  // Only the steps use what follows.
  private final WatchFlow flow;
  private CompletableFuture<Optional<JobStatus>>
      wanted; // whoever waits for a status; null: nobody does
  private Attempt attempt; // null: none is under way
  private ScheduledHandle timer; // of silence, or until the next attempt
  private boolean over;
  private Throwable untold; // how it ended, until somebody has been told

  RunningWatch(Connection connection, WatchOptions options) {
    this.connection = connection;
    this.options = options;
    this.flow = new WatchFlow(options, connection.backoff());
    this.revision = options.afterRevision();
  }

  /** The next status; empty: the watch is over. Not before the one before has come. */
  CompletableFuture<Optional<JobStatus>> next() {
    CompletableFuture<Optional<JobStatus>> next = new CompletableFuture<>();
    steps.execute(() -> want(next));
    return next;
  }

  /** Everything up to it has been received. */
  long revision() {
    return revision;
  }

  /** The status that the one job ends with. Completing the future otherwise ends the watch. */
  CompletableFuture<JobStatus> completion() {
    CompletableFuture<JobStatus> completion = new CompletableFuture<>();
    completion.whenComplete((status, thrown) -> close());
    readOn(completion);
    return completion;
  }

  private void readOn(CompletableFuture<JobStatus> completion) {
    next()
        .whenComplete(
            (status, thrown) -> {
              if (thrown != null) {
                completion.completeExceptionally(thrown);
              } else if (status.isEmpty()) {
                completion.completeExceptionally(
                    JobStatusException.of(
                        Status.INTERNAL.withDescription(
                            "the service ended the watch before the job ended"),
                        null));
              } else if (JobStates.isTerminal(status.get().getState())) {
                completion.complete(status.get());
              } else {
                readOn(completion);
              }
            });
  }

  /** Whoever waits, or waits next, is told that the watch was cancelled. */
  void cancel(JobStatusException.Cancelled why) {
    steps.execute(() -> end(why.withLastStatus(flow.lastStatus().orElse(null))));
  }

  void interrupted(InterruptedException cause) {
    cancel(Waiting.interrupted(cause));
  }

  /** Whoever waits, or waits next, is told that the watch is over. */
  void close() {
    steps.execute(
        () -> {
          end(null);
          untold = null;
        });
  }

  private void want(CompletableFuture<Optional<JobStatus>> next) {
    wanted = next;
    if (over) {
      tellEnd();
    } else if (attempt == null) {
      attach();
    } else {
      attempt.read();
    }
  }

  private void attach() {
    Duration now = now();
    attempt = new Attempt(connection.watch(flow.timeLeft(now)));
    attempt.start(flow.attach(now));
    attempt.read();
  }

  private void onMessage(WatchStatusResponse message) {
    timer.cancel();
    flow.onMessage(message);
    revision = flow.revision();
    if (message.hasStatus()) {
      CompletableFuture<Optional<JobStatus>> waiting = wanted;
      wanted = null;
      waiting.complete(Optional.of(message.getStatus()));
    } else {
      attempt.read();
    }
  }

  private void onEnd(Optional<JobStatusException> error) {
    timer.cancel();
    attempt = null;
    Optional<Duration> wait = flow.onEnd(error, now());
    if (wait.isEmpty()) {
      end(null);
      return;
    }
    LOG.log(
        System.Logger.Level.DEBUG,
        () -> "the watch was lost (%s); trying again in %s".formatted(error.get(), wait.get()));
    options.onRetry().accept(error.get(), wait.get());
    timer = after(wait.get(), this::attach);
  }

  private void end(Throwable thrown) {
    if (over) {
      return;
    }
    over = true;
    connection.forget(this);
    untold = thrown;
    if (timer != null) {
      timer.cancel();
    }
    if (attempt != null) {
      attempt.leave();
    }
    tellEnd();
  }

  private void tellEnd() {
    if (wanted == null) {
      return;
    }
    CompletableFuture<Optional<JobStatus>> waiting = wanted;
    Throwable how = untold;
    wanted = null;
    untold = null;
    if (how == null) {
      waiting.complete(Optional.empty());
    } else {
      waiting.completeExceptionally(how);
    }
  }

  private ScheduledHandle after(Duration wait, Runnable step) {
    return steps.schedule(step, Times.nanos(wait), TimeUnit.NANOSECONDS, connection.timer());
  }

  private Duration now() {
    return Duration.ofNanos(System.nanoTime() - started);
  }

  /** One call of the service. What it hears after the watch has left it, is nobody's. */
  private final class Attempt extends ClientCall.Listener<WatchStatusResponse> {
    private final ClientCall<WatchStatusRequest, WatchStatusResponse> call;
    private Optional<JobStatusException> ended; // null: it has not

    Attempt(ClientCall<WatchStatusRequest, WatchStatusResponse> call) {
      this.call = call;
    }

    void start(WatchStatusRequest request) {
      call.start(this, new Metadata());
      call.sendMessage(request);
      call.halfClose();
    }

    /** Asks for one message, so that a slow reader gets the newest. */
    void read() {
      if (ended != null) {
        RunningWatch.this.onEnd(ended);
        return;
      }
      call.request(1);
      timer =
          after(
              connection.silenceLimit(),
              () -> {
                leave();
                RunningWatch.this.onEnd(
                    Optional.of(
                        new JobStatusException.ServiceUnavailable("the service went silent")));
              });
    }

    void leave() {
      call.cancel("the watch is over", null);
    }

    @Override
    public void onMessage(WatchStatusResponse message) {
      steps.execute(
          () -> {
            if (attempt == this && !over) {
              RunningWatch.this.onMessage(message);
            }
          });
    }

    @Override
    public void onClose(Status status, Metadata trailers) {
      steps.execute(
          () -> {
            if (attempt != this || over) {
              return;
            }
            ended =
                status.isOk()
                    ? Optional.empty()
                    : Optional.of(JobStatusException.of(status, trailers));
            if (wanted != null) {
              RunningWatch.this.onEnd(ended);
            }
          });
    }
  }
}
