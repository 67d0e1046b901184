//! A limit in time for requests, which costs next to nothing while it is kept.
//!
//! A timer for each request would be entered into the runtime's wheel and taken out again, a thousand times for each time
//! that one rings. Here a timer stays where it is and is lent to one request after another: one that rings before its
//! request's time is set again, which happens once in the length of a limit.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// Timers that nobody has now, at most.
const MOST_IDLE: usize = 1024;

/// The time was over before the future was done.
#[derive(Debug)]
pub(super) struct TimeIsUp;

/// A worker's timers.
#[derive(Default)]
pub(super) struct Alarms(Mutex<Vec<Pin<Box<Sleep>>>>);

impl Alarms {
    /// Waits for a future, but no longer than `time`. It is pinned already: a request would carry its state twice otherwise.
    pub(super) async fn within<F: Future>(
        &self,
        time: Duration,
        mut future: Pin<&mut F>,
    ) -> Result<F::Output, TimeIsUp> {
        let deadline = Instant::now() + time;
        let mut alarm = Lent { timer: Some(self.timer(deadline)), alarms: self };
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            let Some(timer) = &mut alarm.timer else { return Poll::Ready(Err(TimeIsUp)) };
            while timer.as_mut().poll(cx).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(Err(TimeIsUp));
                }
                timer.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }

    /// A timer that rings at the deadline or before.
    fn timer(&self, deadline: Instant) -> Pin<Box<Sleep>> {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut timer) = idle else { return Box::pin(sleep_until(deadline)) };
        if timer.is_elapsed() || timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        timer
    }
}

/// A timer that goes back when it is dropped.
struct Lent<'a> {
    timer: Option<Pin<Box<Sleep>>>,
    alarms: &'a Alarms,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut idle = self.alarms.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(timer) = self.timer.take().filter(|_| idle.len() < MOST_IDLE) {
            idle.push(timer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        pin::pin,
    };

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_time_of_each_request_is_its_own_although_they_share_a_timer() {
        let alarms = Alarms::default();
        for seconds in [30, 5, 60, 60, 1] {
            let began = Instant::now();
            assert!(alarms.within(30 * SECOND, pin!(ready(()))).await.is_ok());
            assert!(alarms.within(seconds * SECOND, pin!(pending::<()>())).await.is_err());
            // The runtime's wheel counts in milliseconds, upwards.
            let late = began.elapsed().saturating_sub(seconds * SECOND);
            assert!(began.elapsed() >= seconds * SECOND && late < SECOND / 100, "{seconds}: {late:?}");
        }
        assert_eq!(alarms.0.lock().map_or(0, |idle| idle.len()), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_rings_early_does_not_end_a_request() {
        let alarms = Alarms::default();
        assert!(alarms.within(SECOND, pin!(ready(()))).await.is_ok());
        let slow = tokio::time::sleep(20 * SECOND);
        assert!(alarms.within(30 * SECOND, pin!(slow)).await.is_ok());
    }
}
