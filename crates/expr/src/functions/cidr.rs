//! `cidr_match(address, network[, …])`: whether an IP address lies in one of some networks.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::datatypes::DataType;
use datafusion_common::{Result, ScalarValue, plan_err};
use datafusion_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

pub(super) fn cidr_match() -> ScalarUDF {
    ScalarUDF::new_from_impl(CidrMatch { signature: Signature::user_defined(Volatility::Immutable) })
}

/// Whether `text` is an address or a network in CIDR notation.
pub(crate) fn is_network(text: &str) -> bool {
    Network::parse(text).is_some()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CidrMatch {
    signature: Signature,
}

impl ScalarUDFImpl for CidrMatch {
    fn name(&self) -> &str {
        "cidr_match"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let text = |data: &DataType| data.is_string() || data.is_null();
        if arguments.len() < 2 || !arguments.iter().all(text) {
            return plan_err!("cidr_match takes an address and networks, all of them text");
        }
        Ok(vec![DataType::Utf8; arguments.len()])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let Some((address, networks)) = arguments.args.split_first() else {
            return plan_err!("cidr_match takes an address and networks");
        };
        let address = address.to_array(rows)?;
        let addresses = address.as_string::<i32>();
        let networks =
            networks.iter().map(|network| Networks::new(network, rows)).collect::<Result<Vec<_>>>()?;
        let matched: BooleanArray = (0..rows)
            .map(|row| {
                let address = addresses.is_valid(row).then(|| parse_address(addresses.value(row)))??;
                any_contains(address, networks.iter().map(|network| network.at(row)))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(matched)))
    }
}

/// One argument: mostly the same network for all rows.
enum Networks {
    Same(Option<Network>),
    Each(Vec<Option<Network>>),
}

impl Networks {
    fn new(argument: &ColumnarValue, rows: usize) -> Result<Self> {
        if let ColumnarValue::Scalar(ScalarValue::Utf8(text)) = argument {
            return Ok(Self::Same(text.as_deref().and_then(Network::parse)));
        }
        let array = argument.to_array(rows)?;
        Ok(Self::Each(array.as_string::<i32>().iter().map(|text| text.and_then(Network::parse)).collect()))
    }

    fn at(&self, row: usize) -> Option<Network> {
        match self {
            Self::Same(network) => *network,
            Self::Each(networks) => networks.get(row).copied().flatten(),
        }
    }
}

/// Three-valued OR over the networks; what is no network is NULL.
fn any_contains(address: IpAddr, networks: impl Iterator<Item = Option<Network>>) -> Option<bool> {
    let mut unknown = false;
    for network in networks {
        match network {
            Some(network) if network.contains(address) => return Some(true),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(false)
}

/// An address of a network, and how many of its bits the network's other addresses share.
pub(crate) fn parse_network(text: &str) -> Option<(IpAddr, u8)> {
    let network = Network::parse(text)?;
    Some((network.address, u8::try_from(network.prefix).ok()?))
}

/// The address that `text` is, as it stands: with blanks around it it is none, as such a text is no number.
pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
    // IPv4 addresses that were carried over IPv6 (`::ffff:10.0.0.1`) belong to IPv4 networks.
    Some(text.parse::<IpAddr>().ok()?.to_canonical())
}

#[derive(Clone, Copy, Debug)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix.parse::<u32>().ok()?)),
            None => (parse_address(text)?, None),
        };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        (prefix <= bits).then_some(Self { address, prefix })
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_addresses() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7/32", "192.0.2.8", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "::1", true),
            ("::/0", "10.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ] {
            let network_parsed = Network::parse(network).unwrap();
            assert_eq!(
                network_parsed.contains(parse_address(address).unwrap()),
                expected,
                "{address} in {network}"
            );
        }
        for text in ["10.0.0.0/33", "::/129", "10.0.0/8", "", "x", "10.0.0.0/-1"] {
            assert!(!is_network(text), "{text}");
        }
    }
}
