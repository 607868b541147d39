package release

// Limits of the documents. A reader holds every length from outside against one of them before it allocates; a
// document that breaks one is refused with the limit's name.
const (
	MaxManifest   = 32 << 20 // bytes of a manifest's payload
	MaxRollout    = 64 << 10 // bytes of a rollout's payload
	MaxRoot       = 64 << 10 // bytes of a root's payload
	MaxVersion    = 1 << 53  // of a root, a rollout, a release: what every JSON reader can hold
	MaxKept       = 16       // releases a rollout names beside the one served
	MaxZones      = 64       // zones of a canary
	MaxZone       = 64       // bytes of a zone's name
	MaxRoots      = 64       // roots a node follows in one look
	MaxRelease    = 16 << 30 // raw bytes of all components that a node takes: a chunk of few bytes may be named again and again
	MaxComponents = 64       // components of a release
	MaxChunks     = 1 << 16  // chunks of a release: 16 GiB of raw data, as they are cut
	MaxChunkRaw   = 1 << 20  // decoded bytes of one chunk
	MaxChunkSize  = MaxChunkRaw + 64<<10
	MaxCard       = 1 << 20 // bytes of the model card
	MaxSignatures = 16      // signatures of one envelope
	MaxKeys       = 64      // keys of a root
	MaxForced     = 32      // figures a release was forced past
	MaxCritical   = 64      // names a document calls critical

	maxStream = MaxChunkRaw + maxMovesSlack // decoded bytes of one stream of a chunk

	maxDepth  = 32      // nesting of JSON
	maxValues = 1 << 20 // values in one JSON document
)

// MaxEnvelope is the size an envelope of a payload of n bytes may have: base64 plus room for the signatures.
func MaxEnvelope(n int64) int64 { return n/3*4 + 16<<10 }
