//! `WSGIRestrictExit`, as processes are told: whether an application may end the process that it runs in.

/// It may.
pub const OFF: u8 = 0;
/// It may not.
pub const ON: u8 = 1;
/// It may where the process serves nobody else and nothing starts.
pub const AUTO: u8 = 2;
