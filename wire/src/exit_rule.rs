//! `WSGIRestrictExit`, as processes are told: whether an application may end the process that it runs in.

/// An application may always end its process.
pub const OFF: u8 = 0;
/// An application may never end its process.
pub const ON: u8 = 1;
/// An application may end its process if that serves no other application and none is starting.
pub const AUTO: u8 = 2;
