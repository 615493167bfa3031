//! How an application starts: as a script or a Django project, and which requests it must answer before it serves.

use crate::codec::{Malformed, Reader, Writer};
use crate::request::{Pairs, put_pairs};

/// How an application starts; the default: a script without warm-up requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StartPlan {
    /// The Django project, if the application is not a script.
    pub django: Option<Django>,
    /// Requests that the application must answer before it serves.
    pub warm_ups: Vec<WarmUp>,
}

/// `WSGIDjangoAlias`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Django {
    /// The project's directory.
    pub project: Vec<u8>,
    /// The URL path it is served below.
    pub url: Vec<u8>,
    /// Name of the settings module; empty: what manage.py says.
    pub settings: Vec<u8>,
    /// `error`, `warning` or `off`.
    pub checks: Vec<u8>,
    /// Static files are served by Django's own handler.
    pub finders: bool,
}

/// A warm-up request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WarmUp {
    /// The path, for messages.
    pub path: Vec<u8>,
    /// The environ's text entries.
    pub environ: Vec<(Vec<u8>, Vec<u8>)>,
    /// `wsgi.url_scheme` is `https`.
    pub https: bool,
}

impl Django {
    /// Writes the value.
    pub fn put(&self, w: &mut Writer<'_>) {
        w.text(&self.project).text(&self.url).text(&self.settings).text(&self.checks).flag(self.finders);
    }

    fn get(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            project: reader.text()?.to_vec(),
            url: reader.text()?.to_vec(),
            settings: reader.text()?.to_vec(),
            checks: reader.text()?.to_vec(),
            finders: reader.flag()?,
        })
    }
}

impl StartPlan {
    /// Writes the value.
    pub fn put(&self, w: &mut Writer<'_>) {
        w.flag(self.django.is_some());
        if let Some(django) = &self.django {
            django.put(w);
        }
        w.u32(self.warm_ups.len() as u32);
        for request in &self.warm_ups {
            w.text(&request.path).flag(request.https);
            put_pairs(w, request.environ.iter().map(|(name, value)| (&name[..], &value[..])));
        }
    }

    /// Reads what `put` wrote.
    pub fn get(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let django = if reader.flag()? { Some(Django::get(reader)?) } else { None };
        let mut warm_ups = Vec::new();
        for _ in 0..reader.u32()? {
            let (path, https) = (reader.text()?.to_vec(), reader.flag()?);
            let pairs = Pairs::parse(reader)?;
            let environ = pairs.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            warm_ups.push(WarmUp { path, environ, https });
        }
        Ok(Self { django, warm_ups })
    }

    /// The plan as bytes; none for the default.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if *self != Self::default() {
            self.put(&mut Writer(&mut bytes));
        }
        bytes
    }

    /// From bytes; none are the default.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(bytes, "start plan");
        let plan = Self::get(&mut reader)?;
        reader.end()?;
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_come_back_as_they_were() {
        let warm_up =
            WarmUp { path: b"/".to_vec(), environ: vec![(b"A".to_vec(), b"1".to_vec())], https: true };
        let django = Django { project: b"/site".to_vec(), ..Django::default() };
        let plan = StartPlan { django: Some(django), warm_ups: vec![warm_up] };
        let bytes = plan.bytes();
        assert_eq!(StartPlan::parse(&bytes), Ok(plan));
        for end in 1..bytes.len() {
            assert!(StartPlan::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(StartPlan::parse(&StartPlan::default().bytes()), Ok(StartPlan::default()));
    }
}
