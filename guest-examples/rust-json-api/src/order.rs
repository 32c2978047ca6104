//! Orders and prices. Independent of HTTP.

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    items: Vec<Item>,
    /// ISO 3166-1, two letters.
    country: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    product: String,
    quantity: u32,
}

/// Amounts in cents.
#[derive(Serialize)]
pub struct Quote {
    net: u64,
    tax: u64,
    total: u64,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Problem {
    /// A JSON pointer (RFC 6901).
    pointer: String,
    detail: String,
}

#[derive(Serialize)]
pub struct Product {
    id: &'static str,
    price: u64,
}

impl Order {
    pub fn quote(&self) -> Result<Quote, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut net = 0;
        if self.items.is_empty() {
            problems.push(Problem { pointer: "/items".into(), detail: "nothing is ordered".into() });
        }
        for (at, item) in self.items.iter().enumerate() {
            match PRODUCTS.iter().find(|product| product.id == item.product) {
                Some(product) => net += product.price * u64::from(item.quantity),
                None => problems.push(Problem {
                    pointer: format!("/items/{at}/product"),
                    detail: format!("there is no product {:?}", item.product),
                }),
            }
            if !(1..=MOST).contains(&item.quantity) {
                problems.push(Problem {
                    pointer: format!("/items/{at}/quantity"),
                    detail: format!("from 1 to {MOST}, and not {}", item.quantity),
                });
            }
        }
        let Some((_, rate)) = TAXES.iter().find(|(country, _)| *country == self.country) else {
            let detail = format!("nothing is sent to {:?}", self.country);
            problems.push(Problem { pointer: "/country".into(), detail });
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let tax = (net * rate).div_ceil(1000);
        Ok(Quote { net, tax, total: net + tax })
    }
}

pub const PRODUCTS: [Product; 3] =
    [Product { id: "nest-box", price: 3450 }, Product { id: "ring", price: 180 }, Product { id: "perch", price: 5999 }];

/// In thousandths.
const TAXES: [(&str, u64); 3] = [("AT", 200), ("CH", 81), ("DE", 190)];

const MOST: u32 = 1000;
