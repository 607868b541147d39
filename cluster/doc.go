// Package cluster spreads small facts between nodes by gossip: who is alive, which release is current, what is trending.
//
// # What is promised
//
// A fact set on one node reaches the others in well under a second while the network works, and whenever the network works
// again after it didn't. Newer replaces older; nothing else is promised: no order between facts, no delivery of every value.
// A wrong rumour may cost freshness, never correctness: what matters is signed and verified by whoever acts on it.
//
// # How
//
// Core is the store of facts and its merge, without goroutine, socket or clock; clustertest drives it over a simulated network. Around it,
// hashicorp/memberlist finds out who is alive and carries the messages, over a transport of this package's. The library trusts what it
// reads; so every packet and stream is sealed (XChaCha20-Poly1305, keys that can be rotated, a window of time), its lengths are
// bounded before anything is allocated for them, and its structure is checked down to the last field, before the library sees a byte.
// WIRE.md has the byte tables. Whoever holds the key is inside: sealing keeps strangers out, the bounds hold for everyone.
//
// Messages are best effort; so each node also exchanges all it knows with another every few seconds, and joins its seeds again whenever they
// are missing, for the library alone doesn't heal a long partition. A node that is back is a new member (name and boot), and is
// believed at once.
//
// # Invariants
//
//   - C1: merging commutes, associates and is idempotent, up to the limit of facts per node.
//   - C2: memory is bounded: facts per node, bytes per fact, nodes, messages waiting, members, streams at once, bytes per stream. An outsider
//     can occupy maxInbound streams of one chunk each for a few seconds, and nothing else.
//   - C3: only this process makes facts in the name of its node and boot; it learns none from others. Facts of shared kinds are of nobody: a
//     newer write replaces an older one, and nothing else does.
//   - C4: no lock is held while OnFact runs but the one that keeps news in order; the core's lock is never held while calling out.
//
// Lock order: library's locks, then Cluster.news, then Cluster.mu; transport.mu and roster.mu are leaves.
package cluster
