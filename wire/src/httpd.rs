//! What httpd's scoreboard says, for applications that ask (`mod_wsgi.server_metrics()`). Times are microseconds since the
//! epoch.

use crate::codec::{Malformed, Reader, Writer};

/// Most threads of all processes together of which anything is told.
pub const MOST_THREADS: usize = 1 << 16;

/// The server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Threads that a process may have.
    pub thread_limit: i32,
    /// Generation of the configuration that holds.
    pub generation: i32,
    /// When the configuration was read last.
    pub restarted: i64,
    /// Each place for a process; there are as many as processes may run.
    pub children: Vec<Child>,
}

/// A process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Child {
    /// Its pid; 0: there was none in this place.
    pub pid: i32,
    /// The generation that it is of.
    pub generation: i32,
    /// It finishes its requests and ends.
    pub quiescing: bool,
    /// Each place for a thread.
    pub threads: Vec<Thread>,
}

/// A thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// The thread's number in its process.
    pub number: i32,
    /// The generation that it is of.
    pub generation: i32,
    /// One of httpd's SERVER_… numbers.
    pub status: u8,
    /// Requests that it has served.
    pub accesses: u64,
    /// Bytes that it has sent.
    pub bytes: i64,
    /// When its present or last request began.
    pub start: i64,
    /// When its last request ended.
    pub stop: i64,
    /// When it was used last.
    pub used: i64,
    /// The client's address.
    pub client: Vec<u8>,
    /// The beginning of the request line.
    pub request: Vec<u8>,
    /// The virtual host.
    pub vhost: Vec<u8>,
}

impl Server {
    /// The server as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut w = Writer(&mut bytes);
        w.i32(self.thread_limit).i32(self.generation).i64(self.restarted).u32(self.children.len() as u32);
        for child in &self.children {
            w.i32(child.pid).i32(child.generation).flag(child.quiescing).u32(child.threads.len() as u32);
            child.threads.iter().for_each(|thread| thread.put(&mut w));
        }
        bytes
    }

    /// Parses the server; there is never more of it than [`MOST_THREADS`] threads.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, "httpd's scoreboard");
        let (thread_limit, generation, restarted) = (reader.i32()?, reader.i32()?, reader.i64()?);
        let (mut children, mut all) = (Vec::new(), 0);
        for _ in 0..reader.u32()? {
            let (pid, generation, quiescing) = (reader.i32()?, reader.i32()?, reader.flag()?);
            let mut threads = Vec::new();
            for _ in 0..reader.u32()? {
                all += 1;
                if all > MOST_THREADS {
                    return Err(Malformed("httpd's scoreboard: too large"));
                }
                threads.push(Thread::get(&mut reader)?);
            }
            children.push(Child { pid, generation, quiescing, threads });
        }
        reader.end()?;
        Ok(Self { thread_limit, generation, restarted, children })
    }
}

impl Thread {
    fn put(&self, w: &mut Writer<'_>) {
        w.i32(self.number).i32(self.generation).u8(self.status).u64(self.accesses).i64(self.bytes);
        w.i64(self.start).i64(self.stop).i64(self.used);
        w.text(&self.client).text(&self.request).text(&self.vhost);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            number: reader.i32()?,
            generation: reader.i32()?,
            status: reader.u8()?,
            accesses: reader.u64()?,
            bytes: reader.i64()?,
            start: reader.i64()?,
            stop: reader.i64()?,
            used: reader.i64()?,
            client: reader.text()?.to_vec(),
            request: reader.text()?.to_vec(),
            vhost: reader.text()?.to_vec(),
        })
    }

    /// What the thread does, as httpd's own status page abbreviates it.
    pub fn letter(&self) -> char {
        const LETTERS: &[u8] = b".S_RWKLDCGI";
        LETTERS.get(usize::from(self.status)).map_or('?', |letter| char::from(*letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was() {
        let thread = Thread { status: 4, client: b"::1".to_vec(), ..Thread::default() };
        let child = Child {
            pid: 7,
            quiescing: true,
            threads: vec![thread.clone(), Thread::default()],
            ..Child::default()
        };
        let server = Server { thread_limit: 2, children: vec![child, Child::default()], ..Server::default() };
        let bytes = server.bytes();
        assert_eq!(Server::parse(&bytes), Ok(server));
        for end in 0..bytes.len() {
            assert!(Server::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(thread.letter(), 'W');
        assert_eq!(Thread { status: 99, ..thread }.letter(), '?');
    }
}
