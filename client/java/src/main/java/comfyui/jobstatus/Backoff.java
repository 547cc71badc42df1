package comfyui.jobstatus;

import java.time.Duration;
import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * A sequence of growing waits. Chance spreads them, so that the many clients of a service that went
 * down do not all return at the same moment.
 */
final class Backoff {
  private final BackoffSettings settings;
  private final DoubleSupplier random;
  private Duration step;

  /** {@code random} gives numbers from 0 to 1. */
  Backoff(BackoffSettings settings, DoubleSupplier random) {
    this.settings = settings;
    this.random = random;
    this.step = settings.initial();
  }

  /**
   * The next wait: between half of the step and the step. When the service said {@code retryAfter},
   * at least that and at most a quarter more, unless the step is longer.
   */
  Duration next(Optional<Duration> retryAfter) {
    double chance = random.getAsDouble();
    Duration wait = times(step, 0.5 + 0.5 * chance);
    step = shorter(times(step, settings.multiplier()), settings.max());
    return retryAfter.map(least -> longer(wait, times(least, 1 + 0.25 * chance))).orElse(wait);
  }

  /** Starts over: an attempt has succeeded. */
  void reset() {
    step = settings.initial();
  }

  static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  static Duration longer(Duration one, Duration other) {
    return one.compareTo(other) > 0 ? one : other;
  }

  private static Duration times(Duration duration, double factor) {
    return Duration.ofNanos(Math.round(Times.nanos(duration) * factor));
  }
}
