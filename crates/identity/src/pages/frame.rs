//! What every page has around it: its title, its style, the name at the top.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::{
    headers::{self, Needs},
    messages::Messages,
    theme::Theme,
};

/// What the layout of pages needs to know.
pub(crate) struct Frame<'t> {
    pub(crate) title: String,
    pub(crate) theme: &'t Theme,
}

impl<'t> Frame<'t> {
    pub(crate) fn new(theme: &'t Theme, title: String) -> Self {
        Self { title, theme }
    }

    /// The texts.
    pub(crate) fn texts(&self) -> &'t Messages {
        &self.theme.messages
    }
}

/// Makes a page of a template.
pub(crate) fn render(
    theme: &Theme,
    issuer: &str,
    status: StatusCode,
    template: &impl Template,
    needs: &Needs,
) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            eprintln!("identity: a page cannot be made: {error}");
            return headers::page(StatusCode::INTERNAL_SERVER_ERROR, String::new(), &[], &[], &Needs::default());
        }
    };
    let at = |path: &str| format!("{issuer}{path}");
    let own = theme.own_style.as_ref().map(|style| at(style.bare_path()));
    let styles: Vec<String> = [at(theme.style.bare_path())].into_iter().chain(own).collect();
    let images: Vec<String> = theme.logo.iter().map(|logo| at(logo.bare_path())).collect();
    headers::page(status, html, &styles, &images, needs)
}
