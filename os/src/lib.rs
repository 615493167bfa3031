//! What both halves of mod_wsgi ask of the operating system, each call in one place. On `nix` where it has the call, on `libc`
//! where it has not, or where a request would pay for an allocation.
//!
//! Nothing here starts a thread, and nothing but [`homes`] and [`lock`] with its kind takes a lock, so all else may be called
//! in a process that was forked of one thread.

mod apart;
mod clock;
mod desk;
mod directory;
mod event;
mod futex;
mod glance;
mod locks;
mod memory;
mod process;
mod processors;
mod sibling;
mod signals;
mod socket;
mod sync;
mod tasks;
mod transfer;
mod usage;
mod users;
mod wait;

pub use apart::{fork_apart, has_one_thread};
pub use clock::{epoch, monotonic};
pub use desk::{Asker, Desk};
pub use directory::Directory;
pub use event::{Event, wake};
pub use futex::{futex_wait, futex_wake};
pub use glance::{WRITER, look_in_copy};
pub use locks::LockFile;
pub use memory::{
    Mapping, duplicate, empty_memory, file_system, memory, opened_anew, shown_memory, unmap, whole,
};
pub use nix::errno::Errno;
pub use nix::sys::inotify;
pub use nix::sys::prctl;
pub use nix::sys::resource::Resource;
pub use nix::sys::signal::SigSet;
pub use nix::sys::signal::Signal;
pub use nix::{Result, unistd};
pub use process::{
    become_supervisor, close, close_on_exec, end, fork, inherited, is_alive, is_child,
    keep_descriptors_apart, kill, kill_exactly, kill_own_group, lead_session, limit, lower_limit, parent,
    place_descriptors, process, put_in_place, random, reap, reap_any, reap_strangers, set_locale, signal,
    signal_thread, user_of,
};
pub use processors::{Idle, Processors, children_of, threads_of};
pub use sibling::clone_as_sibling;
pub use signals::{
    everything, has_come, is_default, note, nothing, reset as reset_signals, set_mask, unblock,
};
pub use socket::{
    LONGEST_PATH, accept, connect, is_shut, is_socket, listen, may_listen, one_way, pair, pipe,
    receive_datagram, send_datagram, set_backlog, set_buffers, set_nonblocking, set_timeouts, shut_down,
};
pub use sync::{lock, read_lock, wait, wait_for, write_lock};
pub use tasks::{Task, tasks, tasks_of};
pub use transfer::{append, read, receive, receive_files, regular, send, send_all, send_files, write_all};
pub use usage::{Meter, Portrait, Sight, Usage, resident_memory};
pub use users::homes;
pub use wait::{Epoll, await_either, await_readable, has_hung_up, poll, poll_these};
