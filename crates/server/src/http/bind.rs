//! Opens the listening sockets.

use std::fmt;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use crate::config::HttpConfig;

/// Where each address comes from.
const LISTEN: &str = "`--listen` or `orchestration.http.listen`";
const METRICS_LISTEN: &str = "`--metrics-listen` or `orchestration.http.metrics_listen`";

/// Open sockets on which nobody serves yet.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(super) main: TcpListener,
    pub(super) metrics: TcpListener,
}

/// Why a socket could not be opened.
#[derive(Debug)]
pub(crate) struct BindError {
    address: String,
    option: &'static str,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    /// Everybody on the network could reach it.
    Exposed(SocketAddr),
    /// Both sockets have the same address.
    Twice,
    Io(std::io::Error),
}

impl Listeners {
    /// Opens both sockets.
    ///
    /// # Errors
    /// An address that is in use, not ours or unknown; one beyond the loopback interface without a token.
    pub(crate) fn bind(config: &HttpConfig, has_token: bool) -> Result<Listeners, BindError> {
        let takes_any = |address: &str| address.ends_with(":0");
        if config.listen == config.metrics_listen && !takes_any(&config.listen) {
            let address = config.listen.clone();
            return Err(BindError { address, option: METRICS_LISTEN, cause: Cause::Twice });
        }
        let main = bind(&config.listen, LISTEN, has_token)?;
        let metrics = bind(&config.metrics_listen, METRICS_LISTEN, has_token)?;
        Ok(Listeners { main, metrics })
    }
}

fn bind(address: &str, option: &'static str, has_token: bool) -> Result<TcpListener, BindError> {
    let fail = |cause| BindError { address: address.to_owned(), option, cause };
    let resolved: Vec<SocketAddr> =
        address.to_socket_addrs().map_err(|error| fail(Cause::Io(error)))?.collect();
    if let Some(exposed) = resolved.iter().find(|address| !has_token && !address.ip().is_loopback()) {
        return Err(fail(Cause::Exposed(*exposed)));
    }
    let listener = TcpListener::bind(&*resolved).map_err(|error| fail(Cause::Io(error)))?;
    listener.set_nonblocking(true).map_err(|error| fail(Cause::Io(error)))?;
    Ok(listener)
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BindError { address, option, cause } = self;
        match cause {
            Cause::Exposed(resolved) => write!(
                f,
                "failed to listen on {address}: without a token the engine listens on loopback addresses only, and \
                 {} is none. Set `orchestration.http.token_env` or `token_file`, or listen on 127.0.0.1 ({option})",
                resolved.ip()
            ),
            Cause::Twice => write!(
                f,
                "failed to listen on {address} twice: metrics have a port of their own, choose another one ({option})"
            ),
            Cause::Io(error) if error.kind() == std::io::ErrorKind::AddrInUse => write!(
                f,
                "failed to listen on {address}: another process uses this port. End it, or choose another port ({option})"
            ),
            Cause::Io(error) => write!(f, "failed to listen on {address} ({option}): {error}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Exposed(_) | Cause::Twice => None,
            Cause::Io(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &str) -> HttpConfig {
        HttpConfig { listen: listen.to_owned(), metrics_listen: "127.0.0.1:0".to_owned(), token: None }
    }

    #[test]
    fn beyond_loopback_only_with_a_token() {
        let error = Listeners::bind(&config("0.0.0.0:0"), false).unwrap_err().to_string();
        assert!(error.contains("token_env"), "{error}");
        Listeners::bind(&config("0.0.0.0:0"), true).unwrap();
    }

    #[test]
    fn metrics_need_an_address_of_their_own() {
        let config = HttpConfig { metrics_listen: "127.0.0.1:1".to_owned(), ..config("127.0.0.1:1") };
        let error = Listeners::bind(&config, false).unwrap_err().to_string();
        assert!(error.contains("a port of their own"), "{error}");
    }

    #[test]
    fn a_port_in_use_is_named_with_its_option() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = Listeners::bind(&config(&address), false).unwrap_err().to_string();
        assert!(error.contains(&address) && error.contains("orchestration.http.listen"), "{error}");
    }
}
