//! What must hold before an application is asked.

use crate::apache::{FileKind, Request, Status};
use crate::config::RequestExt;
use crate::config::{Alias, DirConfig};
use wire::message as msg;

/// The checks in their order; the first that fails answers the request.
pub fn run(r: Request<'_>, alias: Option<&Alias>) -> Result<(), Status> {
    let config = r.dir_config();
    let script = wire::shown(r.filename());
    if alias.is_none() && !r.may_execute() {
        r.log(msg::EXEC_CGI_OFF, format_args!("Options ExecCGI is off in this directory: {script}"));
        return Err(Status(403));
    }
    match r.file() {
        FileKind::Missing => {
            r.log(
                msg::SCRIPT_MISSING,
                format_args!("Target WSGI script not found or unable to stat: {script}"),
            );
            return Err(Status(404));
        }
        FileKind::Directory => {
            r.log(
                msg::SCRIPT_IS_DIRECTORY,
                format_args!("Attempt to invoke directory as WSGI application: {script}"),
            );
            return Err(Status(403));
        }
        FileKind::File => {}
    }
    if r.rejects_path_info() && !r.path_info().is_empty() {
        r.log(msg::PATH_INFO_REFUSED, format_args!("AcceptPathInfo off disallows user's path: {script}"));
        return Err(Status(404));
    }
    body(r, config)
}

/// The checks of a request whose resource a script handles (WSGIHandlerScript): the resource need not exist.
pub fn of_handler(r: Request<'_>) -> Result<(), Status> {
    body(r, r.dir_config())
}

/// The declared length and coding of the body.
fn body(r: Request<'_>, config: &DirConfig) -> Result<(), Status> {
    let headers = r.headers_in();
    if let Some(coding) = headers.get(c"Transfer-Encoding") {
        if !coding.eq_ignore_ascii_case(b"chunked") {
            let coding = wire::shown(coding);
            r.log(
                msg::TRANSFER_ENCODING,
                format_args!("Unexpected value for Transfer-Encoding of '{coding}' supplied."),
            );
            return Err(Status(501));
        }
        if config.chunked_request != Some(true) {
            r.log(msg::CHUNKED_REFUSED, "Chunked request content not supported; see WSGIChunkedRequest.");
            return Err(Status(411));
        }
    } else if let Some(length) = headers.get(c"Content-Length") {
        let Some(length) =
            std::str::from_utf8(length).ok().and_then(|text| text.parse::<i64>().ok()).filter(|l| *l >= 0)
        else {
            let length = wire::shown(length);
            r.log(
                msg::CONTENT_LENGTH_BAD,
                format_args!("Invalid Content-Length header value of '{length}' was supplied."),
            );
            return Err(Status(400));
        };
        let limit = r.body_limit();
        if limit > 0 && length > limit {
            // httpd reads the body away and answers 413 itself.
            let status = r.discard_body();
            return Err(if status == Status::OK { Status(413) } else { status });
        }
    }
    Ok(())
}
