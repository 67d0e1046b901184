//! A file in the `MaxMind` DB format (version 2.0), written for a few networks.

use ipnet::IpNet;

/// Where a bit leads to in the tree.
#[derive(Clone, Copy)]
enum Link {
    Nowhere,
    Node(usize),
    /// An offset in the data.
    Data(usize),
}

/// The bytes of a file that knows the countries of these networks.
pub fn file(networks: &[(&str, &str)]) -> Vec<u8> {
    let (mut tree, mut data) = (vec![[Link::Nowhere; 2]], Vec::new());
    for (network, country) in networks {
        let offset = data.len();
        data.extend(map(&[("country", map(&[("iso_code", text(country))]))]));
        insert(&mut tree, network.parse().unwrap(), offset);
    }
    let count = tree.len();
    let record = |link: &Link| match link {
        Link::Nowhere => count,
        Link::Node(node) => *node,
        Link::Data(offset) => count + 16 + offset,
    };
    let mut file: Vec<u8> = tree
        .iter()
        .flatten()
        .flat_map(|link| u32::try_from(record(link)).unwrap().to_be_bytes()[1..].to_vec())
        .collect();
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(map(&[
        ("node_count", [&[0xC4][..], &u32::try_from(count).unwrap().to_be_bytes()].concat()),
        ("record_size", vec![0xA1, 24]),
        ("ip_version", vec![0xA1, 6]),
        ("database_type", text("Test-Country")),
        ("languages", vec![0x00, 4]),
        ("binary_format_major_version", vec![0xA1, 2]),
        ("binary_format_minor_version", vec![0xA0]),
        ("build_epoch", vec![0x04, 2, 0x65, 0, 0, 0]),
        ("description", map(&[("en", text("a test"))])),
    ]));
    file
}

/// IPv4 networks lie under `::/96`.
fn insert(tree: &mut Vec<[Link; 2]>, network: IpNet, offset: usize) {
    let (bits, length) = match network {
        IpNet::V4(v4) => (u128::from(v4.network().to_bits()), v4.prefix_len() + 96),
        IpNet::V6(v6) => (v6.network().to_bits(), v6.prefix_len()),
    };
    let mut node = 0;
    for depth in 0..length {
        let bit = usize::from(bits >> (127 - depth) & 1 == 1);
        if depth + 1 == length {
            tree[node][bit] = Link::Data(offset);
            return;
        }
        node = match tree[node][bit] {
            Link::Node(next) => next,
            Link::Nowhere | Link::Data(_) => {
                tree.push([Link::Nowhere; 2]);
                tree[node][bit] = Link::Node(tree.len() - 1);
                tree.len() - 1
            }
        };
    }
}

fn text(text: &str) -> Vec<u8> {
    [&[0x40 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut map = vec![0xE0 | u8::try_from(entries.len()).unwrap()];
    for (key, value) in entries {
        map.extend(text(key));
        map.extend(value);
    }
    map
}
