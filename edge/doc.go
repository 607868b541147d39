// Package edge assembles one node: a release that updates itself, a durable event log, trends, profiles, gossip, and
// the two listeners.
//
//	origin ──► node ──► serve ◄── requests            gossip: kind 1, which rollout is current: a nudge to look
//	                      │                                   kind 2, which pieces of a release a node has
//	exchange ⇄ peers ─────┘                                   kind 128, cells of trends: applied
//	 overlay ◄── admin API ─┴──► serve                         kind 64, entries of the overlay: applied
//	 event log ◄── events ┴──► trends, profiles
//
// Nothing here is needed to answer but a release: without origin, peers or network the node answers from what it
// holds, and without a release it still takes events.
//
// # Ending
//
// The order matters, so that no acknowledged request is lost: not ready → stop accepting → drain → say the last trends →
// close the event log → leave gossip → end the rest. Close, the end of the context given to Start, and the failure of a
// listener all lead there; Wait returns when it is done.
package edge
