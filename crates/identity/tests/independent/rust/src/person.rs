//! Somebody who logs in and answers what they are asked, with plain forms and without a browser.

use std::collections::BTreeMap;

use openidconnect::url::Url;
use ureq::http::{Request, header};

use crate::{Wrong, told::Told, wire};

const PAGES: [&str; 3] = ["/login", "/oauth2/consent", "/device"];

pub struct Person<'t> {
    told: &'t Told,
    cookies: BTreeMap<String, String>,
}

/// Where a visit ends.
pub enum End {
    /// Sent back to a client.
    Sent(Url),
    /// A page without a form.
    Page(String),
}

struct Seen {
    location: Option<Url>,
    text: String,
}

impl<'t> Person<'t> {
    pub fn new(told: &'t Told) -> Self {
        Self { told, cookies: BTreeMap::new() }
    }

    /// Goes where a client sends them, logs in if asked, and says yes.
    pub fn visit(&mut self, url: Url) -> Result<End, Wrong> {
        let mut here = url;
        for _ in 0..10 {
            if !here.as_str().starts_with(&self.told.issuer) {
                return Ok(End::Sent(here));
            }
            let mut seen = self.fetch(&here, None)?;
            if seen.location.is_none() {
                let Some(page) = PAGES.iter().find(|page| seen.text.contains(&format!("action=\"{page}\""))) else {
                    return Ok(End::Page(seen.text));
                };
                let fields = self.answers(&seen.text, page, &here)?;
                seen = self.fetch(&here.join(page)?, Some(&fields))?;
            }
            match seen.location {
                Some(next) => here = next,
                None if seen.text.contains("<form ") => return Err(format!("asked again: {}", seen.text).into()),
                None => return Ok(End::Page(seen.text)),
            }
        }
        Err("sent around in circles".into())
    }

    /// As [`Person::visit`], for who must be sent back.
    pub fn sent_back(&mut self, url: Url) -> Result<Url, Wrong> {
        match self.visit(url)? {
            End::Sent(url) => Ok(url),
            End::Page(text) => Err(format!("a page instead of the way back: {text}").into()),
        }
    }

    /// The fields of a form, with what this person has to say.
    fn answers(&self, text: &str, page: &str, here: &Url) -> Result<BTreeMap<String, String>, Wrong> {
        let mut fields = fields(text, page)?;
        match page {
            "/login" => {
                fields.insert("name".into(), self.told.name.clone());
                fields.insert("password".into(), self.told.password.clone());
            }
            "/device" if !fields.contains_key("user_code") => {
                let code = here.query_pairs().find(|(name, _)| name == "user_code").ok_or("no code of a device")?;
                fields.insert("user_code".into(), code.1.into_owned());
            }
            _ => {}
        }
        fields.entry("decision".into()).or_insert_with(|| "allow".into());
        Ok(fields)
    }

    fn fetch(&mut self, url: &Url, form: Option<&BTreeMap<String, String>>) -> Result<Seen, Wrong> {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let method = if form.is_some() { "POST" } else { "GET" };
        let request = Request::builder().method(method).uri(url.as_str()).header(header::COOKIE, cookies.join("; "));
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = form.map(|form| form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish());
        let mut answer = wire::agent().run(request.body(body.unwrap_or_default())?)?;
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').ok_or("a cookie without a value")?;
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = answer.headers().get(header::LOCATION).map(|location| location.to_str()).transpose()?;
        let location = location.map(|location| url.join(location)).transpose()?;
        Ok(Seen { location, text: answer.body_mut().read_to_string()? })
    }
}

/// The hidden fields of the form that is sent to `page`.
fn fields(text: &str, page: &str) -> Result<BTreeMap<String, String>, Wrong> {
    let form = text.split("<form ").find(|form| form.contains(&format!("action=\"{page}\""))).ok_or("no form")?;
    let form = form.split("</form>").next().unwrap_or_default();
    let mut fields = BTreeMap::new();
    for input in form.split("<input type=\"hidden\" name=\"").skip(1) {
        let (name, rest) = input.split_once("\" value=\"").ok_or("a field without a value")?;
        let value = rest.split('"').next().unwrap_or_default();
        let plain = value.replace("&#38;", "&").replace("&amp;", "&").replace("&#34;", "\"").replace("&#39;", "'");
        fields.insert(name.to_owned(), plain);
    }
    Ok(fields)
}
