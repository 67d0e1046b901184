//! A future beside another one in the same task, asked only when it rang itself.
//!
//! A connection is polled for every piece of a request. What it waits for besides (its end in time, the gateway's end)
//! would be polled as often, and almost never has anything to say.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// A future that is polled at first, and then each time that it woke its task.
pub(super) struct Aside<F> {
    future: F,
    bell: Option<Arc<Bell>>,
}

/// Wakes the task, and remembers who did.
struct Bell {
    rang: AtomicBool,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl<F: Future + Unpin> Aside<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future, bell: None }
    }
}

impl<F: Future + Unpin> Future for Aside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let bell = match &self.bell {
            // Taken before the future is polled: what rings meanwhile counts for the next time.
            Some(bell) if bell.task.will_wake(cx.waker()) => {
                // Looked at first, as that costs less and it almost never rang.
                if !bell.rang.load(Ordering::Acquire) || !bell.rang.swap(false, Ordering::AcqRel) {
                    return Poll::Pending;
                }
                Arc::clone(bell)
            }
            Some(_) | None => Arc::new(Bell { rang: AtomicBool::new(false), task: cx.waker().clone() }),
        };
        self.bell = Some(Arc::clone(&bell));
        Pin::new(&mut self.future).poll(&mut Context::from_waker(&Waker::from(bell)))
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_when_it_rang_and_not_otherwise() {
        let (sender, mut receiver) = oneshot::channel();
        let mut polls = 0;
        let counted = poll_fn(|cx| {
            polls += 1;
            Pin::new(&mut receiver).poll(cx)
        });
        let mut aside = pin!(Aside::new(Box::pin(counted)));
        for _ in 0..5 {
            poll_fn(|cx| {
                assert!(aside.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        assert!(sender.send(7).is_ok());
        assert_eq!(aside.await, Ok(7));
        assert_eq!(polls, 2);
    }

    #[tokio::test]
    async fn it_wakes_another_task_that_it_moved_to() {
        let (sender, receiver) = oneshot::channel();
        let mut aside = Aside::new(receiver);
        poll_fn(|cx| {
            assert!(Pin::new(&mut aside).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let moved = tokio::spawn(aside);
        tokio::task::yield_now().await;
        assert!(sender.send(7).is_ok());
        assert_eq!(moved.await.ok(), Some(Ok(7)));
    }
}
