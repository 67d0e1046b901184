//! A connection that goes on as another protocol, after an answer that says so (RFC 9110 §7.8).

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    sync::oneshot,
};

/// The bytes of a connection, from behind the answer that switched.
pub(crate) trait Switched: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Switched for S {}

/// What a request that asks for another protocol carries among its extensions.
pub(crate) struct Switch(oneshot::Receiver<Box<dyn Switched>>);

/// The connection's end of it.
pub(super) struct Switcher(oneshot::Sender<Box<dyn Switched>>);

pub(super) fn switch() -> (Switcher, Switch) {
    let (sender, receiver) = oneshot::channel();
    (Switcher(sender), Switch(receiver))
}

impl Switch {
    /// Waits until the answer has gone; `None` if the connection ended, or answered otherwise.
    pub(crate) async fn switched(self) -> Option<Box<dyn Switched>> {
        self.0.await.ok()
    }
}

impl Switcher {
    /// Hands the connection over, with what was read of it already.
    pub(super) fn hand_over(self, stream: impl Switched + 'static, read: Bytes) {
        let (reader, writer) = tokio::io::split(stream);
        let stream = tokio::io::join(std::io::Cursor::new(read).chain(reader), writer);
        // Nobody waits for it any more: it is closed.
        drop(self.0.send(Box::new(stream)));
    }
}
