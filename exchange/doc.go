// Package exchange brings pieces of a release from other nodes, and from the origin those that nobody else has.
//
// # How
//
// Each node says by gossip which pieces of which release it has (Holding). A Planner decides, piece by piece, whom to ask: a peer
// near by before one far away, an idle one before a busy one, the rarest piece first. What nobody has comes from the
// origin, and there each piece is one node's to ask for, by rendezvous hashing over those who are at work on the same release: so the
// origin sends a release about once, however many nodes want it. A node that makes no progress loses its turn to the next. Nothing
// depends on everybody knowing the same: a wrong rumour costs a request.
//
// The Planner is a state machine with neither goroutine, socket nor clock. Exchange drives it over HTTP. WIRE.md has the formats.
//
// # Invariants
//
//   - X1: what is handed on has the hash that was asked for. A peer that gave something else three times is not asked again.
//   - X2: requests at once, to each peer, to the origin and from others, bytes per answer and bytes per second sent are bounded.
//   - X3: only holders of the cluster's key are answered, and can read an answer.
package exchange
