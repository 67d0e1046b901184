//! Questions with few values for each fact, so that policies and questions meet.

#![allow(dead_code, reason = "each test uses its part")]

use std::net::IpAddr;

use policy::{Kind, Origin, Question, Value};
use serde_json::{Value as Json, json};

use crate::{dice::Dice, orders::NOW};

const ACTIONS: [&str; 6] = [
    "orders.listOrders",
    "orders.getOrder",
    "orders.createOrder",
    "orders.cancelOrder",
    "profiles.getProfile",
    "profiles.PUT /profiles/{subject}",
];
pub(crate) const NAMES: [&str; 4] = ["alice", "bob", "carol", ""];
/// Declared roles and groups.
pub(crate) const MEMBERS: [&str; 6] = ["reader", "clerk", "admin", "member", "auditors", "staff"];
const TENANTS: [&str; 2] = ["acme", "globex"];

#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    pub(crate) id: &'static str,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) groups: Vec<&'static str>,
    pub(crate) tenant: Option<&'static str>,
    pub(crate) department: Option<&'static str>,
    pub(crate) level: Option<i64>,
    pub(crate) regions: Option<Vec<&'static str>>,
    pub(crate) action: &'static str,
    pub(crate) path_tenant: &'static str,
    pub(crate) number: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) address: IpAddr,
    pub(crate) time: i64,
    pub(crate) method: &'static str,
    pub(crate) acr: Option<&'static str>,
    pub(crate) age: Option<i64>,
    pub(crate) mtls: bool,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) region: Option<&'static str>,
    pub(crate) amount: Option<i64>,
    pub(crate) currency: Option<&'static str>,
    path: String,
}

/// Facts that [`Facts::roll`] knows.
const FACTS: usize = 22;

impl Facts {
    pub(crate) fn random(dice: &mut Dice) -> Self {
        let mut facts = Self {
            kind: Kind::User,
            id: "",
            roles: Vec::new(),
            groups: Vec::new(),
            tenant: None,
            department: None,
            level: None,
            regions: None,
            action: ACTIONS[0],
            path_tenant: TENANTS[0],
            number: "42",
            subject: NAMES[0],
            address: IpAddr::from([0, 0, 0, 0]),
            time: NOW,
            method: "jwt",
            acr: None,
            age: None,
            mtls: false,
            scopes: Vec::new(),
            region: None,
            amount: None,
            currency: None,
            path: String::new(),
        };
        for fact in 0..FACTS {
            facts.roll(fact, dice);
        }
        facts
    }

    /// Another value for one fact.
    pub(crate) fn change(&mut self, dice: &mut Dice) {
        let fact = dice.below(FACTS);
        self.roll(fact, dice);
    }

    fn roll(&mut self, fact: usize, dice: &mut Dice) {
        match fact {
            0 => self.kind = dice.pick(&Kind::ALL),
            1 => self.id = dice.pick(&NAMES),
            2 => self.roles = dice.some(&["reader", "clerk", "admin", "member", "unheard-of"]),
            3 => self.groups = dice.some(&["auditors", "staff", "unheard-of"]),
            4 => self.tenant = dice.pick(&[None, Some("acme"), Some("globex")]),
            5 => self.department = dice.pick(&[None, Some("finance"), Some("sales")]),
            6 => self.level = dice.pick(&[None, Some(0), Some(3), Some(i64::MAX)]),
            7 => self.regions = if dice.one_in(3) { None } else { Some(dice.some(&["eu", "us"])) },
            8 => self.action = dice.pick(&ACTIONS),
            9 => self.path_tenant = dice.pick(&TENANTS),
            10 => self.number = dice.pick(&["42", "7", "-1"]),
            11 => self.subject = dice.pick(&NAMES),
            12 => {
                let addresses =
                    [IpAddr::from([10, 0, 0, 1]), IpAddr::from([192, 0, 2, 1]), IpAddr::from([127, 0, 0, 1])];
                self.address = if dice.one_in(4) { "2001:db8::1".parse().unwrap() } else { dice.pick(&addresses) };
            }
            13 => self.time = dice.pick(&[NOW, NOW + 1, NOW - 86_400_000, NOW + 40 * 86_400_000]),
            14 => self.method = dice.pick(&["jwt", "api_key"]),
            15 => self.acr = dice.pick(&[None, Some("mfa"), Some("password")]),
            16 => self.age = dice.pick(&[None, Some(10), Some(1000)]),
            17 => self.mtls = dice.one_in(2),
            18 => self.scopes = dice.some(&["read", "write", "audit"]),
            19 => self.region = dice.pick(&[None, Some("eu"), Some("us")]),
            20 => self.amount = dice.pick(&[None, Some(1), Some(20_000), Some(i64::MAX)]),
            _ => self.currency = dice.pick(&[None, Some("EUR")]),
        }
        let (tenant, number) = (self.path_tenant, self.number);
        self.path = match self.action {
            "orders.listOrders" | "orders.createOrder" => format!("/{tenant}/orders"),
            "orders.getOrder" | "orders.cancelOrder" => format!("/{tenant}/orders/{number}"),
            _ => format!("/profiles/{}", self.subject),
        };
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn moment(&self) -> String {
        let texts = [
            (NOW, "2026-11-24T12:00:00Z"),
            (NOW + 1, "2026-11-24T12:00:00.001Z"),
            (NOW - 86_400_000, "2026-11-23T12:00:00Z"),
            (NOW + 40 * 86_400_000, "2027-01-03T12:00:00Z"),
        ];
        texts.iter().find(|(time, _)| *time == self.time).unwrap().1.to_owned()
    }

    /// Type and attributes of the resource in Cedar.
    pub(crate) fn resource(&self) -> (&'static str, Json) {
        let number: i64 = self.number.parse().unwrap();
        let (tenant, subject) = (self.path_tenant, self.subject);
        let profile = json!({ "subject": subject, "owner": subject });
        match self.action {
            "orders.listOrders" => ("orders::listOrders", json!({ "tenant": tenant })),
            "orders.createOrder" => ("orders::createOrder", json!({ "tenant": tenant })),
            "orders.getOrder" => ("orders::getOrder", json!({ "tenant": tenant, "number": number })),
            "orders.cancelOrder" => ("orders::cancelOrder", json!({ "tenant": tenant, "number": number })),
            "profiles.getProfile" => ("profiles::getProfile", profile),
            _ => ("profiles::PUT_profiles_subject", profile),
        }
    }

    pub(crate) fn question(&self) -> Question<'_> {
        let origin = Origin { address: self.address, time: self.time, method: self.method };
        let mut question = Question::new(self.kind, self.id, self.action, &self.path, &origin)
            .roles(self.roles.iter().copied())
            .groups(self.groups.iter().copied())
            .mtls(self.mtls)
            .scopes(self.scopes.iter().copied())
            // Nothing reads these.
            .header("x-undeclared", "1")
            .claim("undeclared", Value::Long(1));
        if self.action.starts_with("orders.") {
            question = question.parameter("tenant", self.path_tenant).parameter("number", self.number);
        } else {
            question = question.parameter("subject", self.subject);
        }
        if let Some(tenant) = self.tenant {
            question = question.tenant(tenant);
        }
        if let Some(department) = self.department {
            question = question.claim("department", Value::String(department));
        }
        if let Some(level) = self.level {
            question = question.claim("level", Value::Long(level));
        }
        if let Some(regions) = &self.regions {
            question = question.claim("regions", Value::Strings(regions.clone()));
        }
        if let Some(acr) = self.acr {
            question = question.acr(acr);
        }
        if let Some(age) = self.age {
            question = question.age(age);
        }
        if let Some(region) = self.region {
            question = question.header("x-region", region);
        }
        if let Some(amount) = self.amount {
            question = question.body("amount", Value::Long(amount));
        }
        if let Some(currency) = self.currency {
            question = question.body("currency", Value::String(currency));
        }
        question
    }
}
