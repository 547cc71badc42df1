package comfyui.jobstatus;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

/** Waiting for what gRPC's threads bring. */
final class Waiting {
  private Waiting() {}

  /** What the future comes to. Interrupting the thread ends the future. */
  static <T> T await(CompletableFuture<T> future) {
    return await(future, cause -> future.completeExceptionally(interrupted(cause)));
  }

  static JobStatusException.Cancelled interrupted(InterruptedException cause) {
    return new JobStatusException.Cancelled("the thread was interrupted", cause);
  }

  /**
   * What the future comes to. When the thread is interrupted, {@code stop} must make the future end
   * soon.
   *
   * @throws RuntimeException what the future failed with
   */
  static <T> T await(CompletableFuture<T> future, Consumer<InterruptedException> stop) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
          stop.accept(e);
        }
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof JobStatusException thrown) {
        thrown.fillInStackTrace(); // where the caller is, not gRPC
        throw thrown;
      }
      if (e.getCause() instanceof RuntimeException thrown) {
        throw thrown;
      }
      if (e.getCause() instanceof Error thrown) {
        throw thrown;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
