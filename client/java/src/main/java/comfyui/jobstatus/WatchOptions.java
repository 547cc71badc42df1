package comfyui.jobstatus;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * What to watch, and how; job_status.proto says what the members of WatchStatusRequest mean.
 * Immutable.
 */
public final class WatchOptions {
  private final Builder from;

  private WatchOptions(Builder from) {
    this.from = new Builder(from);
  }

  /** Of all jobs, until it is told otherwise. */
  public static Builder builder() {
    return new Builder();
  }

  List<String> jobIds() {
    return from.jobIds;
  }

  String backend() {
    return from.backend;
  }

  long afterRevision() {
    return from.afterRevision;
  }

  Duration minInterval() {
    return from.minInterval;
  }

  Duration waitForJob() {
    return from.waitForJob;
  }

  Optional<Duration> timeout() {
    return Optional.ofNullable(from.timeout);
  }

  boolean failFast() {
    return from.failFast;
  }

  BiConsumer<JobStatusException, Duration> onRetry() {
    return from.onRetry;
  }

  /** Makes WatchOptions. */
  public static final class Builder {
    private List<String> jobIds = List.of();
    private String backend = "";
    private long afterRevision;
    private Duration minInterval = Duration.ZERO;
    private Duration waitForJob = Duration.ZERO;
    private Duration timeout;
    private boolean failFast;
    private BiConsumer<JobStatusException, Duration> onRetry = (error, wait) -> {};

    private Builder() {}

    private Builder(Builder from) {
      jobIds = from.jobIds;
      backend = from.backend;
      afterRevision = from.afterRevision;
      minInterval = from.minInterval;
      waitForJob = from.waitForJob;
      timeout = from.timeout;
      failFast = from.failFast;
      onRetry = from.onRetry;
    }

    /** ComfyUI's prompt_ids of the jobs. None: all jobs, until the caller leaves. */
    public Builder jobIds(String... jobIds) {
      return jobIds(List.of(jobIds));
    }

    /** ComfyUI's prompt_ids of the jobs. None: all jobs, until the caller leaves. */
    public Builder jobIds(List<String> jobIds) {
      this.jobIds = List.copyOf(jobIds);
      return this;
    }

    /** Configured name of the ComfyUI server. Empty, as it is at first: all of them. */
    public Builder backend(String backend) {
      this.backend = backend;
      return this;
    }

    /**
     * Only what is newer, as {@link Watch#revision} of an earlier watch says. Unsigned. 0: how
     * things are now.
     */
    public Builder afterRevision(long afterRevision) {
      this.afterRevision = afterRevision;
      return this;
    }

    /** Thins updates of progress to one in this time. Zero: every change. */
    public Builder minInterval(Duration minInterval) {
      this.minInterval = minInterval;
      return this;
    }

    /**
     * How long a named job may stay unknown, counted from the start of the watch. Zero: it is
     * looked up once.
     */
    public Builder waitForJob(Duration waitForJob) {
      this.waitForJob = waitForJob;
      return this;
    }

    /** Limit of the whole watch, attaching again included. There is none unless it is given. */
    public Builder timeout(Duration timeout) {
      this.timeout = timeout;
      return this;
    }

    /**
     * An attempt that fails before the first message ends the watch, even if trying again might
     * help.
     */
    public Builder failFast(boolean failFast) {
      this.failFast = failFast;
      return this;
    }

    /**
     * Is told why an attempt failed, and after which time the next one starts; on a thread of
     * gRPC's, while the reader waits. What it throws ends the watch.
     */
    public Builder onRetry(BiConsumer<JobStatusException, Duration> onRetry) {
      this.onRetry = onRetry;
      return this;
    }

    public WatchOptions build() {
      return new WatchOptions(this);
    }
  }
}
