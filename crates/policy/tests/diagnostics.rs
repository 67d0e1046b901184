//! Every problem has its place, cause and fix, and all problems are reported at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod orders;

use orders::{model, policies, sources};
use policy::{Api, Attribute, Engine, Operation, Report, RoleFile, Source, Sources, ValueKind};

fn refused(sources: &Sources) -> Report {
    Engine::load(sources).expect_err("should be refused")
}

fn with_policies(text: &str) -> Report {
    refused(&Sources { files: vec![policies(text)], ..sources() })
}

fn with_roles(text: &str) -> Report {
    let file = RoleFile::parse("roles.yaml", text).unwrap();
    refused(&Sources { roles: file.roles, links: file.links, files: Vec::new(), model: model() })
}

#[test]
fn mistakes_in_policies() {
    insta::assert_snapshot!(with_policies(
        r#"@id("misspelt-attribute")
permit (principal in Role::"reader", action == Action::"orders.getOrder", resource)
when { resource.tennant == "acme" };

@id("unknown-action")
permit (principal, action == Action::"orders.getOrders", resource);

@id("optional")
forbid (principal, action == Action::"orders.createOrder", resource)
when { context.body.amount > 10 };

@id("types")
permit (principal, action == Action::"orders.getOrder", resource)
when { resource.number == "42" };

@id("no-tenant-here")
permit (principal, action, resource)
when { principal has tenant && resource.tenant == principal.tenant };

@id("misspelt-role")
permit (principal in Role::"raeder", action in Action::"orders.read", resource)
unless { principal in Group::"auditor" };

@id("types")
permit (principal, action == Action::"orders.getOrder", resource);
"#
    ));
}

#[test]
fn text_that_is_not_cedar() {
    let mut sources = sources();
    sources.files = vec![
        Source::new("one.cedar", "permit (principal, action, resource) wen { true };\n"),
        Source::new(
            "two.cedar",
            "permit (principal, action, resource)\nwhen { context.mtls = true };\nallow (principal);\n",
        ),
    ];
    insta::assert_snapshot!(refused(&sources));
}

#[test]
fn mistakes_in_roles() {
    insta::assert_snapshot!(with_roles(
        "roles:
  reader:
    inherits: [viewer, clerk]
    permissions:
      - operations: [orders.raed, getOrders]
      - { operations: [\"orders.*\"] }
  clerk:
    inherits: [reader]
    permissions:
      - { operations: [profiles.read, listOrders], where: [tenant, owner] }
links:
  - { template: missing, id: linked, principal: 'Group::\"staff\"' }
"
    ));
}

#[test]
fn mistakes_in_links() {
    let template = "@id(\"export\")\npermit (principal in ?principal, action in Action::\"orders.read\", resource);\n";
    let links = r#"
links:
  - { template: exprot, id: a, principal: 'Group::"staff"' }
  - { template: export, id: b, principal: 'staff' }
  - { template: export, id: c }
  - { template: export, id: d, principal: 'Group::"stuff"' }
  - { template: export, id: e, principal: 'Groop::"staff"' }
"#;
    let links = RoleFile::parse("links.yaml", links).unwrap().links;
    insta::assert_snapshot!(refused(&Sources { files: vec![policies(template)], links, ..sources() }));
}

#[test]
fn yaml_that_is_no_file_of_roles() {
    let parse = |text| RoleFile::parse("roles.yaml", text).expect_err("should be refused").to_string();
    insta::assert_snapshot!(parse("roles:\n  reader:\n    permisions: []\n"));
    insta::assert_snapshot!(parse("roles:\n  reader: {}\n  reader: {}\n"));
}

#[test]
fn operations_that_cannot_be_told_apart() {
    let mut sources = sources();
    let plain = |id: &str| Operation { id: id.to_owned(), ..Operation::default() };
    let odd = Operation {
        tenant: Some("org".to_owned()),
        parameters: vec![Attribute::new("owner", ValueKind::Long), Attribute::new("orgs", ValueKind::String)],
        owner: Some("orgs".to_owned()),
        headers: vec!["a".to_owned(), "a".to_owned()],
        ..plain("odd")
    };
    let operations = vec![plain("read"), plain("get-x"), plain("get_x"), odd];
    sources.model.apis.push(Api { name: "things".to_owned(), operations });
    sources.model.claims.push(Attribute::new("tenant", ValueKind::String));
    insta::assert_snapshot!(refused(&sources));
}

#[test]
fn a_policy_that_never_applies_is_a_warning() {
    let text =
        "@id(\"never\")\nforbid (principal, action == Action::\"orders.getOrder\", resource is orders::listOrders);\n";
    let engine = orders::engine(text);
    insta::assert_snapshot!(engine.warnings());
    assert!(orders::example().warnings().findings().is_empty());
}
