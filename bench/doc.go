// Package bench drives a running edged node and says how fast it answered.
//
// RunLoad is an open loop: requests start at times drawn beforehand, whether or not earlier ones have been answered,
// and latency is counted from that intended start. A server that stalls for a second is charged for everybody who
// would have come in that second, not only for the few requests that were under way (Gil Tene calls the mistake of
// not doing so coordinated omission). What the traffic looks like is in Mix and Traffic: visitors and items by Zipf's law, and
// sessions whose lists of recent items grow.
//
// Beside every figure stands the same figure of a yardstick: a fasthttp server that answers a dozen bytes of plain text, on the
// same machine, in the same run, driven by the same loop. Ratios to it travel between machines; requests a second don't.
package bench
