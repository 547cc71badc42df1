//! How long to wait before the next attempt.

use std::time::Duration;

/// The waits between attempts. Each is `multiplier` times the one before, until `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BackoffSettings {
    pub initial: Duration,
    pub max: Duration,
    pub multiplier: f64,
}

impl Default for BackoffSettings {
    fn default() -> Self {
        BackoffSettings { initial: Duration::from_millis(250), max: Duration::from_secs(10), multiplier: 2.0 }
    }
}

impl BackoffSettings {
    pub(crate) fn make_sense(&self) -> bool {
        !self.initial.is_zero() && self.initial <= self.max && self.multiplier >= 1.0 && self.multiplier.is_finite()
    }
}

/// Numbers in [0, 1).
pub(crate) type Random = fn() -> f64;

/// A sequence of growing waits. Chance spreads them, so that the many clients of a service that went down do not all return at
/// the same moment.
pub(crate) struct Backoff {
    settings: BackoffSettings,
    random: Random,
    step: Duration,
}

impl Backoff {
    pub(crate) fn new(settings: BackoffSettings, random: Random) -> Self {
        Backoff { settings, random, step: settings.initial }
    }

    /// The next wait: between half of the step and the step. When the service said `retry_after`, at least that and at most a
    /// quarter more, unless the step is longer.
    pub(crate) fn next(&mut self, retry_after: Option<Duration>) -> Duration {
        let chance = (self.random)();
        let wait = self.step.mul_f64(0.5 + 0.5 * chance);
        let longer = Duration::try_from_secs_f64(self.step.as_secs_f64() * self.settings.multiplier);
        self.step = longer.unwrap_or(Duration::MAX).min(self.settings.max);
        retry_after.map_or(wait, |least| wait.max(least + least.mul_f64(0.25 * chance)))
    }

    /// Starts over: an attempt has succeeded.
    pub(crate) fn reset(&mut self) {
        self.step = self.settings.initial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn waits(count: usize, random: Random, retry_after: Option<u64>) -> Vec<Duration> {
        let settings = BackoffSettings { initial: seconds(1), max: seconds(5), multiplier: 2.0 };
        let mut backoff = Backoff::new(settings, random);
        (0..count).map(|_| backoff.next(retry_after.map(seconds))).collect()
    }

    #[test]
    fn waits_grow_up_to_a_limit() {
        assert_eq!(waits(5, || 1.0, None), [1, 2, 4, 5, 5].map(seconds));
    }

    #[test]
    fn chance_takes_up_to_half_of_a_wait() {
        assert_eq!(waits(4, || 0.0, None), [500, 1000, 2000, 2500].map(Duration::from_millis));
    }

    #[test]
    fn what_the_service_asks_for_is_the_least() {
        assert_eq!(waits(3, || 0.0, Some(3)), [3, 3, 3].map(seconds));
        assert_eq!(waits(1, || 1.0, Some(4)), [5].map(seconds));
        assert_eq!(waits(4, || 1.0, Some(1))[3], seconds(5));
    }

    #[test]
    fn success_starts_over() {
        let mut backoff = Backoff::new(BackoffSettings::default(), || 1.0);
        let first = backoff.next(None);
        assert!(backoff.next(None) > first);
        backoff.reset();
        assert_eq!(backoff.next(None), first);
    }

    #[test]
    fn a_step_never_overflows() {
        let settings = BackoffSettings { initial: seconds(1), max: Duration::MAX, multiplier: f64::MAX };
        let mut backoff = Backoff::new(settings, || 0.0);
        backoff.next(None);
        assert!(backoff.next(None) > seconds(1));
    }

    #[test]
    fn settings_that_make_no_sense_are_known() {
        let fine = BackoffSettings::default();
        assert!(fine.make_sense());
        for wrong in [
            BackoffSettings { initial: seconds(0), ..fine },
            BackoffSettings { initial: seconds(11), ..fine },
            BackoffSettings { multiplier: 0.5, ..fine },
            BackoffSettings { multiplier: f64::NAN, ..fine },
        ] {
            assert!(!wrong.make_sense(), "{wrong:?}");
        }
    }
}
