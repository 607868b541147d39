package train

import "runtime/debug"

// SpareMemory has the collector of this process keep little beside what is in use: the columns of a training are large and live to its end, and
// what is thrown away need not be as large again.
func SpareMemory() { debug.SetGCPercent(10) }

// giveBack returns to the system what the last step threw away, before the next one asks for as much.
func giveBack() { debug.FreeOSMemory() }
