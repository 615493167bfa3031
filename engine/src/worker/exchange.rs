//! One request on a connection, from its first byte until the thread lets the connection go: does what [`turn`] decides.
#![forbid(unsafe_code)]

use super::conn::Conn;
use super::reception::{Reception, Service};
use super::turn::{self, Origin, Sight, Step};
use crate::host;
use crate::runtime::{is_copy, leave_copy};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wire::frame::{self, Kind};
use wire::message;

/// What of an answer is sent together with its end: more may not fit into a socket's buffer as the system has it.
const AT_ONCE: usize = 96 << 10;

impl Reception {
    /// Serves one request on a connection. True: the thread keeps its claim, for a connection waits in the queue.
    pub(super) fn exchange(
        &self,
        conn: &Arc<Conn>,
        origin: Origin,
        payload: &mut Vec<u8>,
        service: &mut dyn Service,
    ) -> bool {
        let (mut step, mut outcome) = (turn::begin(origin), None);
        loop {
            step = match step {
                Step::Read(reading) => match read(conn, payload) {
                    Ok(true) => reading.requested(),
                    Ok(false) => reading.ended(),
                    Err(error) => {
                        self.complain(&error);
                        reading.ended()
                    }
                },
                Step::Serve(serving) => {
                    // A fault of the engine costs the request, not the thread: the panic's own lines are in the log.
                    let served = catch_unwind(AssertUnwindSafe(|| service.serve(conn, payload)))
                        .unwrap_or_else(|_| {
                            if is_copy() {
                                leave_copy(1);
                            }
                            Ok(None)
                        });
                    outcome = served.unwrap_or_else(|error| {
                        self.complain(&error);
                        None
                    });
                    match outcome {
                        Some(_) => {
                            let sight = self.look(conn);
                            self.entry(conn).inspect(|entry| entry.claimed.store(0, Ordering::SeqCst));
                            serving.served(sight)
                        }
                        None => {
                            service.ended(None);
                            serving.broken()
                        }
                    }
                }
                Step::Release(releasing) => {
                    self.slot.release(self.generation);
                    releasing.released()
                }
                Step::End(ending) => {
                    conn.put(|out| outcome.iter().for_each(|outcome| frame::put_end(out, *outcome)));
                    conn.send();
                    service.ended(outcome);
                    ending.sent(!conn.is_broken() && conn.is_at_rest())
                }
                Step::Arm(arming) => {
                    // Not before: a connection that ends while it is served is the business of the thread that serves it.
                    let is_known = arming.origin == Origin::Epoll;
                    let armed = self.listener.epoll.add_once(conn.socket(), conn.index as u64, is_known);
                    arming.armed(armed.is_ok())
                }
                Step::Forget(forgetting) => {
                    self.forget(conn, forgetting.holds);
                    forgetting.forgotten()
                }
                Step::Done { takes_queue } => return takes_queue,
            };
        }
    }

    fn complain(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::InvalidData {
            let text = format!(
                "invalid data on a connection to process group '{}': {error}; connection closed",
                self.name
            );
            host::message(message::LINK_BROKEN, text);
        }
    }

    fn look(&self, conn: &Conn) -> Sight {
        let room = match self.buffers.0 as usize {
            0 => AT_ONCE,
            size => AT_ONCE.min(size / 2),
        };
        Sight {
            fits: conn.fits(room),
            queued: self.board.group.queued.count() > 0,
            is_open: self.slot.is_open(),
        }
    }

    /// The connection has ended. A claim that its child made for it is taken back; so is the thread's own (`holds`), where the
    /// connection has no place to note that.
    fn forget(&self, conn: &Conn, holds: bool) {
        self.listener.epoll.remove(conn.socket());
        os::shut_down(conn.fd());
        let claimed = match self.entry(conn) {
            Some(entry) => entry.claimed.swap(0, Ordering::SeqCst) != 0,
            None => holds,
        };
        if claimed {
            self.slot.release(self.generation);
        }
        if let Some(place) = self.listener.conns().get_mut(conn.index) {
            *place = None;
        }
    }
}

/// Reads the next request; false: the connection has ended.
fn read(conn: &Conn, payload: &mut Vec<u8>) -> io::Result<bool> {
    let mut input = os::lock(&conn.input);
    let Some(header) = conn.header(&mut input)? else { return Ok(false) };
    if header.kind != Kind::Request {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a request was expected"));
    }
    conn.payload(&mut input, header.len, payload)?;
    Ok(true)
}
