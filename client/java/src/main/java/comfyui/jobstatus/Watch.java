package comfyui.jobstatus;

import comfyui.jobstatus.v1.JobStatus;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Statuses of jobs as they change, to be gone through once. Survives the service going down: it
 * attaches again from the last revision received, with growing waits. Ends when all named jobs
 * have.
 *
 * <p>{@link #hasNext} and {@link #next} wait for a status. They throw {@link JobStatusException}
 * when trying again cannot help, and {@link JobStatusException.Cancelled} when the thread is
 * interrupted (it stays so) or somebody cancels. One thread iterates; any may cancel or close.
 */
public final class Watch implements Iterator<JobStatus>, Iterable<JobStatus>, AutoCloseable {
  private final RunningWatch running;
  private Optional<JobStatus> ahead; // what hasNext has found; null: it has not looked

  Watch(RunningWatch running) {
    this.running = running;
  }

  @Override
  public boolean hasNext() {
    if (ahead == null) {
      ahead = Waiting.await(running.next(), running::interrupted);
    }
    return ahead.isPresent();
  }

  @Override
  public JobStatus next() {
    if (!hasNext()) {
      throw new NoSuchElementException("the watch is over");
    }
    JobStatus status = ahead.get();
    ahead = null;
    return status;
  }

  /** This watch: it can be gone through once. */
  @Override
  public Iterator<JobStatus> iterator() {
    return this;
  }

  /** The same statuses as a stream; closing it closes the watch. */
  public Stream<JobStatus> stream() {
    int properties = Spliterator.ORDERED | Spliterator.NONNULL;
    return StreamSupport.stream(
            Spliterators.spliteratorUnknownSize((Iterator<JobStatus>) this, properties), false)
        .onClose(this::close);
  }

  /**
   * Everything up to it has been received; give it as {@code afterRevision} to go on in a later
   * watch. Unsigned.
   */
  public long revision() {
    return running.revision();
  }

  /**
   * Ends the iteration with {@link JobStatusException.Cancelled}. Returns at once; from any thread.
   */
  public void cancel() {
    running.cancel(new JobStatusException.Cancelled("the watch was cancelled"));
  }

  /** Ends the watch; iterating further gives nothing. */
  @Override
  public void close() {
    running.close();
  }
}
