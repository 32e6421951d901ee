//! Who works where, and when.

use super::MINUTES;

/// Everybody, with the hours they keep.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) people: Vec<Person>,
    /// Indices of the people of each site and shift: `site * 2 + night`.
    pub(super) groups: Vec<Vec<usize>>,
    /// The UTC minute of the day at which the stream starts.
    start: u64,
}

/// One user.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) privileged: bool,
    pub(super) site: &'static Site,
    pub(super) night: bool,
    pub(super) department: &'static Department,
    pub(super) host: String,
    pub(super) ip: String,
}

/// A place of work.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) code: &'static str,
    pub(super) identity_source: &'static str,
    pub(super) files_source: &'static str,
    /// Minutes that the local clock is ahead of UTC, plus a day so that sums stay positive.
    ahead: u64,
    /// Share of the people, in per cent.
    share: usize,
    network: &'static str,
}

/// A department and the data that it works with.
#[derive(Debug)]
pub(super) struct Department {
    pub(super) resources: [&'static str; 4],
    pub(super) confidential: [&'static str; 2],
}

impl Company {
    pub(super) fn new(users: u32, start: u64) -> Self {
        let people: Vec<Person> = (0..users as usize).map(person).collect();
        let mut groups = vec![Vec::new(); SITES.len() * 2];
        for (index, person) in people.iter().enumerate() {
            let site = SITES.iter().position(|site| site.code == person.site.code).unwrap_or(0);
            groups[site * 2 + usize::from(person.night)].push(index);
        }
        Self { people, groups, start }
    }

    /// How busy a person is at a minute of the stream, in thousandths.
    pub(super) fn presence(&self, person: &Person, minute: u64) -> u64 {
        presence(self.local_minute(person, minute), person.night)
    }

    /// Whether people of this shift come in at that minute.
    pub(super) fn arriving(&self, person: &Person, minute: u64) -> bool {
        let since = if person.night { 12 * 60 } else { 0 };
        (7 * 60..9 * 60).contains(&((self.local_minute(person, minute) + since) % MINUTES))
    }

    fn local_minute(&self, person: &Person, minute: u64) -> u64 {
        (self.start + minute + person.site.ahead) % MINUTES
    }
}

/// Activity over the local day: a ramp in the morning, a dip at lunch, a slow end. The night shift lives 12 hours off.
fn presence(local: u64, night: bool) -> u64 {
    let local = if night { (local + 12 * 60) % MINUTES } else { local };
    match local {
        0..360 => 8,
        360..420 => 40,
        420..540 => 40 + (local - 420) * 8,
        540..720 => 1000,
        720..780 => 380,
        780..1020 => 950,
        1020..1140 => 950 - (local - 1020) * 7,
        1140..1320 => 70,
        _ => 20,
    }
}

fn person(number: usize) -> Person {
    let first = FIRST_NAMES[number % FIRST_NAMES.len()];
    let round = number / FIRST_NAMES.len();
    let last = LAST_NAMES[(round + number % FIRST_NAMES.len() * 7) % LAST_NAMES.len()];
    let again = round / LAST_NAMES.len();
    let id = if again == 0 { format!("{first}.{last}") } else { format!("{first}.{last}{}", again + 1) };

    // Strides that share no factor with 100 and with each other spread every trait over all the others.
    let mut share = number * 37 % 100;
    let site = SITES.iter().find(|site| match share.checked_sub(site.share) {
        Some(rest) => {
            share = rest;
            false
        }
        None => true,
    });
    let site = site.unwrap_or(&SITES[0]);
    Person {
        id,
        privileged: number % 11 == 3,
        site,
        night: number % 17 == 5,
        department: &DEPARTMENTS[number % DEPARTMENTS.len()],
        host: format!("ws-{}-{:04}", site.code, number + 1),
        ip: format!("{}.{}.{}", site.network, number / 250 % 250, number % 250 + 4),
    }
}

pub(super) const SITES: [Site; 4] = [
    Site {
        code: "ber",
        identity_source: "/idp/ber",
        files_source: "/files/ber",
        ahead: MINUTES + 60,
        share: 40,
        network: "10.20",
    },
    Site {
        code: "nyc",
        identity_source: "/idp/nyc",
        files_source: "/files/nyc",
        ahead: MINUTES - 300,
        share: 30,
        network: "10.40",
    },
    Site {
        code: "lon",
        identity_source: "/idp/lon",
        files_source: "/files/lon",
        ahead: MINUTES,
        share: 20,
        network: "172.16",
    },
    Site {
        code: "sgp",
        identity_source: "/idp/sgp",
        files_source: "/files/sgp",
        ahead: MINUTES + 480,
        share: 10,
        network: "192.168",
    },
];

const DEPARTMENTS: [Department; 6] = [
    Department {
        resources: ["finance/budget-plan", "finance/travel-expenses", "finance/invoices", "wiki/finance"],
        confidential: ["finance/ledger", "finance/acquisition-model"],
    },
    Department {
        resources: ["hr/handbook", "hr/openings", "hr/training", "wiki/people"],
        confidential: ["hr/payroll", "hr/reviews"],
    },
    Department {
        resources: ["git/gateway", "git/ingest", "wiki/engineering", "artifacts/nightly"],
        confidential: ["git/signing-keys", "design/next-generation"],
    },
    Department {
        resources: ["crm/leads", "crm/quotes", "decks/product", "wiki/sales"],
        confidential: ["crm/customers", "crm/contracts"],
    },
    Department {
        resources: ["tickets/open", "tickets/archive", "kb/articles", "wiki/support"],
        confidential: ["tickets/attachments", "crm/customers"],
    },
    Department {
        resources: ["dashboards/capacity", "runbooks/network", "runbooks/storage", "wiki/operations"],
        confidential: ["vault/infrastructure", "backups/databases"],
    },
];

const FIRST_NAMES: [&str; 24] = [
    "aisha", "anna", "bruno", "carla", "chen", "daniel", "elif", "emma", "farid", "grace", "hanna", "ivan",
    "jonas", "kofi", "lena", "maria", "nadia", "omar", "paul", "priya", "rosa", "samir", "tomas", "yuki",
];

const LAST_NAMES: [&str; 25] = [
    "adeyemi", "bauer", "castro", "diallo", "evans", "fischer", "garcia", "haddad", "ito", "jensen",
    "keller", "lopez", "meyer", "novak", "okafor", "patel", "quinn", "rossi", "santos", "tan", "ueda",
    "vogel", "wang", "yilmaz", "zhou",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn everybody_has_an_own_name_and_every_group_has_people() {
        let company = Company::new(700, 0);
        let names: HashSet<&str> = company.people.iter().map(|person| person.id.as_str()).collect();
        assert_eq!(names.len(), 700);
        assert!(Company::new(300, 0).groups.iter().all(|group| !group.is_empty()));
    }

    #[test]
    fn days_have_a_rhythm() {
        assert!(presence(3 * 60, false) * 20 < presence(10 * 60, false));
        assert!(presence(12 * 60 + 30, false) * 2 < presence(11 * 60, false));
        assert_eq!(presence(22 * 60, true), presence(10 * 60, false));
        let company = Company::new(20, 0);
        let berlin = company.people.iter().find(|person| person.site.code == "ber" && !person.night).unwrap();
        assert_eq!(company.presence(berlin, 9 * 60), presence(10 * 60, false));
    }
}
