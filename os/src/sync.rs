//! Locks that a panic does not make useless: after one in another thread that held the lock, what it guards is used as it is.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// The mutex, locked.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock, shared with others that read.
pub fn read_lock<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// The lock, for this thread alone.
pub fn write_lock<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Unlocks the mutex until the thread is woken.
pub fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Unlocks the mutex until the thread is woken, or for that long.
pub fn wait_for<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>, most: Duration) -> MutexGuard<'a, T> {
    condition.wait_timeout(guard, most).unwrap_or_else(PoisonError::into_inner).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_leaves_what_it_guards_as_it_is() {
        let (mutex, shared) = (Mutex::new(1), RwLock::new(1));
        std::thread::scope(|scope| {
            let breaks = scope.spawn(|| {
                let (mut first, mut second) = (lock(&mutex), write_lock(&shared));
                (*first, *second) = (2, 2);
                panic!("as the test wants");
            });
            assert!(breaks.join().is_err());
        });
        assert!(mutex.is_poisoned() && shared.is_poisoned());
        assert_eq!(*lock(&mutex), 2);
        assert_eq!(*read_lock(&shared), 2);
        assert_eq!(*write_lock(&shared), 2);
        assert_eq!(*wait_for(&Condvar::new(), lock(&mutex), Duration::ZERO), 2);
    }
}
