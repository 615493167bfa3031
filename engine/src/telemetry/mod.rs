//! Telemetry (`WSGITelemetryService`): what is measured goes to a service of the machine, as datagrams on a UNIX socket.
//!
//! Two threads do that: one sends samples and slow requests and never touches Python, one asks the garbage collectors and
//! waits for the GIL if need be. Nothing is ever waited for when something is sent: if nobody receives, it is lost.
#![forbid(unsafe_code)]

mod collector;
mod datagram;
mod records;

use crate::host;
use crate::metrics::{self, Finished};
use crate::python::{Bound, Result};
use crate::requests::ActiveRequest;
use crate::runtime::{self, Runtime};
use datagram::Datagram;
use records::Identity;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread::Builder;
use std::time::Duration;
use wire::message;

/// Bytes that may wait in the socket.
const BUFFER: u32 = 65_536;
/// Active slow requests of which one tick tells.
const MOST_ACTIVE: usize = 16;
/// Slow requests that have ended and wait for a tick.
const MOST_ENDED: usize = 256;

struct Service {
    socket: UnixDatagram,
    path: PathBuf,
    sequence: AtomicU32,
    identity: Identity,
    /// Slow requests that have ended.
    ended: Mutex<Vec<Datagram>>,
    is_stopping: AtomicBool,
    begun: i64,
}

static SERVICE: OnceLock<Service> = OnceLock::new();

/// Begins to send, if the configuration names a service. Not attached; Python runs.
pub fn start() {
    let Some(runtime) = runtime::get() else { return };
    let process = &runtime.settings.process;
    if process.telemetry.is_empty() {
        return;
    }
    metrics::take_over();
    // A service has no requests to tell of.
    if process.is_service() {
        return;
    }
    if let Err(why) = begin(runtime) {
        host::message(
            message::TELEMETRY_FAILED,
            format_args!("nothing is sent to the telemetry service: {why}"),
        );
    }
}

fn begin(runtime: &'static Runtime) -> std::result::Result<(), String> {
    let failed = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    let socket = UnixDatagram::unbound().map_err(failed("socket"))?;
    socket.set_nonblocking(true).map_err(failed("socket"))?;
    os::set_buffers(socket.as_fd(), BUFFER, 0);
    let process = &runtime.settings.process;
    let service = Service {
        socket,
        path: OsStr::from_bytes(&process.telemetry).into(),
        sequence: AtomicU32::new(0),
        identity: identity(runtime),
        ended: Mutex::default(),
        is_stopping: AtomicBool::new(false),
        begun: metrics::begun(),
    };
    let service = SERVICE.get_or_init(|| service);
    service.send(service.identity.started());
    let interval = Duration::from_secs_f64(process.telemetry_interval.clamp(0.1, 86_400.0));
    let reporter = move || service.every(interval, || service.report());
    Builder::new()
        .name("wsgi-telemetry".into())
        .spawn(reporter)
        .map_err(failed("no thread can be started"))?;
    let collector = move || {
        service.every(interval, || {
            collector::look(runtime).into_iter().for_each(|datagram| service.send(datagram))
        });
    };
    Builder::new()
        .name("wsgi-collector".into())
        .spawn(collector)
        .map_err(failed("no thread can be started"))?;
    Ok(())
}

fn identity(runtime: &Runtime) -> Identity {
    let process = &runtime.settings.process;
    let [major, minor, patch] = process.apache_version;
    let main = runtime.interpreters.main();
    let python = main.visit(|py| {
        let ask = || -> Result<(String, f64)> {
            let sys = Bound::import(py, c"sys")?;
            let version = sys.attr(c"version")?.text()?;
            Ok((version, sys.attr(c"getswitchinterval")?.call(&[])?.as_float()?))
        };
        ask().unwrap_or_else(|raised| {
            raised.forget(py);
            Default::default()
        })
    });
    let (version, switch) = python.unwrap_or_default();
    let machine = std::fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
    Identity {
        texts: [
            runtime::interface_text().into_bytes(),
            version.split(' ').next().unwrap_or_default().as_bytes().to_vec(),
            format!("Apache/{major}.{minor}.{patch}").into_bytes(),
            process.mpm_name.clone(),
            machine.trim_ascii().to_vec(),
        ],
        group: process.process_group.clone(),
        interval: process.telemetry_interval,
        slow: process.slow_requests,
        switch,
        threads: usize::try_from(process.threads).unwrap_or(0),
        user_agent: process.telemetry_user_agent,
    }
}

impl Service {
    /// Does something at intervals, until the process ends.
    fn every(&self, interval: Duration, mut act: impl FnMut()) {
        loop {
            std::thread::sleep(interval);
            if self.is_stopping.load(Ordering::SeqCst) {
                return;
            }
            act();
        }
    }

    fn send(&self, datagram: Datagram) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        // Nobody receives, or not fast enough: it is lost.
        let _ = self.socket.send_to(&datagram.numbered(sequence), &self.path);
    }

    fn report(&self) {
        if let Some(interval) = metrics::take() {
            self.send(self.identity.sample(&interval));
        }
        self.report_ended();
        let limit = runtime::get().and_then(|runtime| runtime.settings.slow_requests());
        let Some(limit) = limit else { return };
        let slow = ActiveRequest::running().into_iter().filter(|call| call.age() >= limit);
        for call in slow.take(MOST_ACTIVE) {
            self.identity.slow(&call, None).into_iter().for_each(|datagram| self.send(datagram));
        }
    }

    fn report_ended(&self) {
        let ended = std::mem::take(&mut *os::lock(&self.ended));
        ended.into_iter().for_each(|datagram| self.send(datagram));
    }
}

/// A slow request has ended: the service is told with the next sample.
pub fn slow_request_ended(call: &ActiveRequest, finished: &Finished) {
    let Some(service) = SERVICE.get() else { return };
    let Some(datagram) = service.identity.slow(call, Some(finished)) else { return };
    let mut ended = os::lock(&service.ended);
    if ended.len() < MOST_ENDED {
        ended.push(datagram);
    }
}

/// The process takes no requests any more; the reason is empty in embedded mode.
pub fn stopping(reason: &str) {
    if let Some(service) = SERVICE.get() {
        service.send(service.identity.stopping(reason, ActiveRequest::running().len()));
    }
}

/// The process ends now.
pub fn stopped(reason: &str) {
    let Some(service) = SERVICE.get() else { return };
    if !service.is_stopping.swap(true, Ordering::SeqCst) {
        service.report_ended();
        let uptime = u64::try_from(os::monotonic() - service.begun).unwrap_or(0);
        let active = ActiveRequest::running().len();
        service.send(service.identity.stopped(reason, uptime, metrics::requests(), active));
    }
}
